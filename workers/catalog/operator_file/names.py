"""The names that a row may have: they are queues, parts of URLs and of variables."""

import re
from collections.abc import Iterator, Mapping, Sequence

from workers.catalog.operator_file.faults import Fault, Where, shown
from workers.catalog.operator_file.schema import ModelTable
from workers.catalog.variant import Family, Variant, weights_variable

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RULE = (
    "must have letters, digits, dots, hyphens and underscores alone, begin with a letter or a "
    "digit, and have at most 64 characters"
)
# A name of another service may be an alias, such as `owner/name`: no queue and no variable has it.
_ALIAS = re.compile(r"(?=.{1,100}\Z)[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*){0,4}")
_ALIAS_RULE = (
    "must have letters, digits, dots, hyphens, underscores and slashes alone, begin with a letter "
    "or a digit, also after each slash, and have at most 100 characters and 4 slashes"
)

_RESERVED = ("all", "own")
"""Words that `bottega tiers set` takes in place of a list of models."""


def faults_of_names(
    tables: Mapping[str, ModelTable], built_in: Sequence[Variant]
) -> Iterator[Fault]:
    """Ids and aliases that cannot be, or that name two rows."""
    ids = [row.id for row in built_in]
    added = [name for name in tables if name not in ids]
    taken: dict[str, str] = {name: name for name in (*ids, *added)}
    variables = {weights_variable(name): name for name in ids}
    for name in added:
        yield from _faults_of_name(("models", name), name)
        yield from _faults_of_prefix(name, tables[name], built_in)
        other = variables.setdefault(weights_variable(name), name)
        if other != name:
            message = f"is too much like {other}: {weights_variable(name)} would name both"
            yield Fault(("models", name), message)
    for name, table in tables.items():
        for n, alias in enumerate(table.aliases):
            where = ("models", name, "aliases", n)
            yield from _faults_of_name(where, alias, _ALIAS, _ALIAS_RULE)
            if alias in taken:
                yield Fault(where, f"{shown(alias)} names {taken[alias]} already")
            taken.setdefault(alias, name)


def _faults_of_prefix(name: str, table: ModelTable, built_in: Sequence[Variant]) -> Iterator[Fault]:
    """An id without its family's beginning, by which Redis' users and filter rules know queues."""
    served = (row for row in built_in if not row.is_hosted)
    family = next((row.family for row in served if row.id == table.base), None)
    prefix = "florence-" if family is Family.FLORENCE2 else "flux."
    if family is not None and not name.startswith(prefix):
        message = (
            f"must begin with {prefix!r}, as {table.base} does: rules of content filters and the "
            f"users of Redis go by it; name it {prefix}{name}, and give {name} as an alias"
        )
        yield Fault(("models", name), message)


def _faults_of_name(
    where: Where, name: str, form: re.Pattern[str] = _NAME, rule: str = _RULE
) -> Iterator[Fault]:
    if not form.fullmatch(name):
        yield Fault(where, f"{rule}; {shown(name)} has not")
    elif name in _RESERVED:
        yield Fault(where, f"{shown(name)} means other things where models are listed")
