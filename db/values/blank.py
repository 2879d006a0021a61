"""Blank values: nothing that a person could see, which is the same as no value at all."""

import unicodedata
from typing import Any

_INVISIBLE = "Cf"
"""Unicode's category of format characters: zero-width spaces, joiners, marks of direction."""


def is_blank(text: str) -> bool:
    """True for text of white space and invisible characters alone, as Unicode defines them."""
    return all(each.isspace() or unicodedata.category(each) == _INVISIBLE for each in text)


def is_absent(value: Any) -> bool:
    """True for None and for blank text: an unset variable of a template sends either."""
    return value is None or (isinstance(value, str) and is_blank(value))
