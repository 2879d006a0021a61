"""The fields of a foreign request that have a value."""

from collections.abc import Mapping
from typing import Any

from db.values.blank import is_absent
from db.values.rounded import RoundedFloat
from workers.catalog.validation import MAX_EXACT


def present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields without nulls and blanks, whole numbers as integers however they are spelled.

    Clients send their defaults always: an unset one is null, an empty text or a text of spaces.
    Blank entries of lists are left out; the parser has noted them.
    """
    return {name: _plain(value) for name, value in fields.items() if not is_absent(value)}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return present(value)
    if isinstance(value, list):
        return [_plain(each) for each in value if not is_absent(each)]
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) <= MAX_EXACT
    return int(value) if is_whole and not isinstance(value, RoundedFloat) else value
