"""The models that one may choose from: by family, with price and how soon a job would begin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from api.web.shared.formats import duration, money, plural
from db.jobs.waiting import Outlook, queue_outlook
from db.values.pricing import UnitKind
from workers.catalog import Catalogue, Family, Variant

_FAMILIES = {
    Family.FLUX1: "FLUX.1 paints",
    Family.FLUX2: "FLUX.2 paints",
    Family.FLORENCE2: "Florence-2 looks",
}
_UNITS = {UnitKind.IMAGES: "a picture", UnitKind.ANALYSES: "a task"}
_SOON_SECONDS = 1.0


@dataclass(frozen=True)
class Choice:
    """One model in the list."""

    id: str
    title: str
    paints: bool
    price: str
    readiness: str
    is_ready: bool
    licence: str
    commercial_use: bool


@dataclass(frozen=True)
class Group:
    """A family's models."""

    name: str
    choices: Sequence[Choice]


def paints(variant: Variant) -> bool:
    """Whether it makes pictures; those that do not look at them."""
    return variant.family is not Family.FLORENCE2


def groups(session: Session, catalogue: Catalogue) -> list[Group]:
    """Every model that is offered."""
    offered = catalogue.variants()
    outlook = queue_outlook(session, [variant.id for variant in offered])
    found = {family: _choices(offered, family, outlook) for family in _FAMILIES}
    return [Group(_FAMILIES[family], choices) for family, choices in found.items() if choices]


def _choices(
    offered: Sequence[Variant], family: Family, outlook: Mapping[str, Outlook]
) -> list[Choice]:
    return [_choice(each, outlook[each.id]) for each in offered if each.family is family]


def _choice(variant: Variant, outlook: Outlook) -> Choice:
    return Choice(
        id=variant.id,
        title=variant.title,
        paints=paints(variant),
        price=_price(variant),
        readiness=_readiness(outlook),
        is_ready=outlook.expected_wait_seconds is not None,
        licence=variant.licence.name,
        commercial_use=variant.licence.commercial_use,
    )


def _price(variant: Variant) -> str:
    rule = variant.price.describe()
    first = rule.get("unit_micros", rule.get("first_micros"))
    per = _UNITS[variant.unit_kind] if rule["per"] == "unit" else "a megapixel"
    return f"{money(first if isinstance(first, int) else None)} {per}"


def _readiness(outlook: Outlook) -> str:
    if outlook.paused:
        return "its queue is paused"
    if not outlook.ready_workers:
        return "no worker serves it now"
    wait = outlook.expected_wait_seconds or 0.0
    begins = "begins at once" if wait < _SOON_SECONDS else f"begins in about {duration(wait)}"
    return f"{plural(outlook.ready_workers, 'worker')} ready, {begins}"


def first_choice(found: Sequence[Group]) -> str:
    """The model that a new visitor meets: the first that would run, else the first."""
    every = [choice for group in found for choice in group.choices]
    return next((each.id for each in every if each.is_ready), every[0].id)


def looker(found: Sequence[Group]) -> str | None:
    """The model that a painted picture is sent to; None where none looks at pictures."""
    lookers = [each for group in found for each in group.choices if not each.paints]
    ready = [each for each in lookers if each.is_ready]
    return (ready or lookers)[0].id if lookers else None
