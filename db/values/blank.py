"""Blank values: nothing that a person could see, which is the same as no value at all."""

import re
from typing import Any

_IGNORABLE = (
    r"\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u202A-\u202E"
    r"\u2060-\u206F\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFF8"
    r"\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A\U000E0000-\U000E0FFF"
)
"""Unicode's property Default_Ignorable_Code_Point, which the standard library does not know."""

_EMPTY = r"\uFFF9-\uFFFB\u2800\U0001D159"
"""Marks of annotations, the braille cell without dots, and the note without a head."""

_BLANK = re.compile(rf"[\s{_IGNORABLE}{_EMPTY}]*")


def is_blank(text: str) -> bool:
    """True for text of white space and characters that show nothing, as Unicode defines them."""
    return _BLANK.fullmatch(text) is not None


def is_absent(value: Any) -> bool:
    """True for None and for blank text: an unset variable of a template sends either."""
    return value is None or (isinstance(value, str) and is_blank(value))
