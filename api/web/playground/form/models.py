"""The models to choose from: by family, with the price and the expected start of a job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from api.core.errors import not_found
from api.web.shared.formats import duration, plural
from api.web.shared.job_labels import unserved_text
from api.web.shared.model_price import price_text
from db.jobs.waiting import Outlook, queue_outlook
from workers.catalog import Catalogue, Family, Variant

_FAMILIES = {
    Family.FLUX1: "FLUX.1: paint pictures",
    Family.FLUX2: "FLUX.2: paint pictures",
    Family.FLORENCE2: "Florence-2: analyse pictures",
}
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
    """True for a model that paints pictures; the others analyse them."""
    return variant.family is not Family.FLORENCE2


def groups(session: Session, catalogue: Catalogue) -> list[Group]:
    """Every offered model, in groups by family."""
    offered = catalogue.variants()
    outlook = queue_outlook(session, [variant.id for variant in offered])
    by_family = {family: _choices(offered, family, outlook) for family in _FAMILIES}
    return [Group(_FAMILIES[family], choices) for family, choices in by_family.items() if choices]


def _choices(
    offered: Sequence[Variant], family: Family, outlook: Mapping[str, Outlook]
) -> list[Choice]:
    return [_choice(each, outlook[each.id]) for each in offered if each.family is family]


def _choice(variant: Variant, outlook: Outlook) -> Choice:
    return Choice(
        id=variant.id,
        title=variant.title,
        paints=paints(variant),
        price=price_text(variant),
        readiness=_readiness(outlook),
        is_ready=outlook.expected_wait_seconds is not None,
        licence=variant.licence.name,
        commercial_use=variant.licence.commercial_use,
    )


def _readiness(outlook: Outlook) -> str:
    if outlook.paused:
        return "its queue is paused"
    if not outlook.ready_workers:
        return unserved_text(outlook.unserved_reason)
    wait = outlook.expected_wait_seconds or 0.0
    starts = "starts at once" if wait < _SOON_SECONDS else f"starts in about {duration(wait)}"
    loads = ", once it is loaded" if outlook.cold_start else ""
    return f"{plural(outlook.ready_workers, 'worker')} ready, {starts}{loads}"


def default_model(offered: Sequence[Group]) -> str:
    """The model of a new form: the first that is ready, else the first.

    Raises:
        api.core.errors.ProblemError: 404, no model is offered.
    """
    choices = [choice for group in offered for choice in group.choices]
    if not choices:
        raise not_found("model")
    return next((each.id for each in choices if each.is_ready), choices[0].id)


def analysis_model(offered: Sequence[Group]) -> str | None:
    """The model that analyses a painted picture; None where none is offered."""
    analysers = [each for group in offered for each in group.choices if not each.paints]
    ready = [each for each in analysers if each.is_ready]
    return (ready or analysers)[0].id if analysers else None
