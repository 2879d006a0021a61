"""The parser of JSON in requests: strict, and with errors that say where and what to change."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from api.core.protocol.slips import Slip
from db.values.blank import is_absent
from db.values.rounded import RoundedFloat

_UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"\x00")
"""The beginnings of UTF-16 and UTF-32: JSON's first character is one of ASCII."""

_QUOTES = ("'", "`", "\u2018", "\u2019", "\u201c", "\u201d")
_OTHER_WORDS = re.compile(r"(True|False|None|undefined)\b")
_NO_VALUE = "a value is missing: a text in double quotes, a number, true, false, null, […] or {…}"
_HINTS = {
    "Extra data": "more follows the end of the JSON: send one value",
    "Invalid control character": r"a line break or tab within a text is written \n or \t",
    "Invalid \\": r"a backslash within a text is written \\",
    "Unterminated string": "this text has no closing quote",
    "Expecting ',' delimiter": 'a comma is missing, or a " within a text is not written \\"',
    "Expecting ':' delimiter": "a colon is missing behind the name",
    "Expecting property name": "a name in double quotes is missing",
}
"""Beginnings of the standard parser's messages, and what to change."""


class JsonError(ValueError):
    """Text that is no JSON, or JSON that does not say one thing.

    Attributes:
        place: the path to the value, or the number of the character.
        kind: a stable word for programs.
    """

    def __init__(self, message: str, place: tuple[str | int, ...], kind: str) -> None:
        super().__init__(message)
        self.place = place
        self.kind = kind


class EncodingError(ValueError):
    """A body that is not in UTF-8."""


Place = tuple[str | int, ...]
"""The path to a value."""


class _Duplicates:
    """The objects in which a name stands twice."""

    def __init__(self) -> None:
        self._found: list[tuple[dict[str, Any], list[str]]] = []

    def object_of(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            self._found.append((made, [name for name, count in counts.items() if count > 1]))
        return made

    def places(self, parsed: Any) -> list[Place]:
        """The paths to the names, but for those within a value that another one replaced."""
        found = {id(made): names for made, names in self._found}
        if not found:
            return []
        return [
            (*place, name)
            for place, each in _values(parsed)
            for name in (found.get(id(each), ()) if isinstance(each, dict) else ())
        ]

    def refuse(self, parsed: Any) -> None:
        """Raise for the first name that stands twice.

        Raises:
            JsonError: there is one.
        """
        for _, names in self._found[:1]:
            place = next(iter(self.places(parsed)), (names[0],))
            message = "the field is given twice: give it once"
            raise JsonError(message, place, "duplicate_field")


class _NoNumbers:
    """Numbers that the standard parser takes, or stumbles over, and no request may have.

    The parser does not tell where a value stands, so each is looked for in what was parsed.
    """

    def __init__(self) -> None:
        self._found: list[tuple[object, str]] = []

    def constant(self, word: str) -> object:
        """Note NaN or an infinity."""
        return self._note(f"{word} is no number of JSON; leave the field out, or send null")

    def fraction(self, digits: str) -> object:
        """A number with a point or an exponent; one that is infinite is noted."""
        number = float(digits)
        if not math.isfinite(number):
            return self._note("the number is larger than any that can be computed with")
        return RoundedFloat(number) if number.is_integer() and _differs(digits, number) else number

    def whole(self, digits: str) -> object:
        """A whole number; one that Python does not read is noted."""
        try:
            return int(digits)
        except ValueError:
            return self._note("the whole number has too many digits")

    def _note(self, message: str) -> object:
        self._found.append((mark := object(), message))
        return mark

    def refuse(self, parsed: Any) -> None:
        """Raise for the first one.

        Raises:
            JsonError: there is one.
        """
        for mark, message in self._found[:1]:
            place = next((place for place, each in _values(parsed) if each is mark), ())
            raise JsonError(message, place, "number_invalid")


def _values(parsed: Any) -> Iterator[tuple[Place, Any]]:
    """Every value in a parsed one, in order, and the path to it."""
    waiting: list[tuple[Place, Any]] = [((), parsed)]
    while waiting:
        place, value = waiting.pop()
        yield place, value
        inner: Iterable[tuple[str | int, Any]] = ()
        if isinstance(value, dict):
            inner = value.items()
        elif isinstance(value, list):
            inner = enumerate(value)
        waiting += [((*place, name), each) for name, each in reversed([*inner])]


def says_json(content_type: str) -> bool:
    """True for the media types that are read as JSON."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def parse(data: bytes) -> Any:
    """Parse a request's JSON; a byte order mark is passed over.

    Raises:
        EncodingError: it is not in UTF-8.
        JsonError: it is no JSON, has a number that no JSON has, or names a field twice: another
            parser would take the first.
    """
    duplicates = _Duplicates()
    parsed = _parsed(_decoded(data), duplicates)
    duplicates.refuse(parsed)
    return parsed


def parse_leniently(data: bytes) -> tuple[Any, list[Slip]]:
    """Parse JSON as a compatible API does, and tell what is passed over.

    The last of several equal names in an object counts; list entries without a value do not.

    Raises:
        EncodingError: it is not in UTF-8.
        JsonError: it is no JSON, or has a number that no JSON has.
    """
    duplicates = _Duplicates()
    parsed = _parsed(_decoded(data), duplicates)
    twice = [
        Slip(place, "it is given more than once: the last one counts")
        for place in duplicates.places(parsed)
    ]
    empty = [Slip(place, "it is empty") for place in _empty_entries(parsed)]
    return parsed, [*twice, *empty]


def _empty_entries(parsed: Any) -> Iterator[Place]:
    return (
        place
        for place, each in _values(parsed)
        if place and isinstance(place[-1], int) and is_absent(each)
    )


def _parsed(text: str, duplicates: _Duplicates) -> Any:
    numbers = _NoNumbers()
    try:
        parsed = json.loads(
            text,
            object_pairs_hook=duplicates.object_of,
            parse_constant=numbers.constant,
            parse_float=numbers.fraction,
            parse_int=numbers.whole,
        )
    except json.JSONDecodeError as error:
        raise _syntax_error(text, error) from None
    numbers.refuse(parsed)
    return parsed


def _decoded(data: bytes) -> str:
    if data.startswith(_UTF_16) or data[1:2] == b"\x00":
        raise EncodingError("the body is in UTF-16 or UTF-32: send JSON in UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"the body is not in UTF-8, see its byte {error.start + 1}: send JSON in UTF-8"
        raise EncodingError(message) from None


def _differs(digits: str, number: float) -> bool:
    try:
        return Decimal(digits) != number
    except InvalidOperation:
        # An exponent beyond those of decimals.
        return True


def _syntax_error(text: str, error: json.JSONDecodeError) -> JsonError:
    message = f"line {error.lineno}, column {error.colno} is no JSON: {_hint(text, error)}"
    return JsonError(message, (error.pos,), "json_invalid")


def _hint(text: str, error: json.JSONDecodeError) -> str:
    """The change to make at the place of an error."""
    at, before = text[error.pos : error.pos + 12].lstrip(), text[: error.pos].rstrip()
    hints = {
        "it is empty": not at and not before,
        "it ends here, unfinished": not at,
        f"a comma stands before the closing {at[:1]}; take it out": at[:1] in ("}", "]")
        and before.endswith(","),
        'texts and names have double quotes, "': at[:1] in _QUOTES,
        "JSON has no comments; take it out": at.startswith(("//", "/*", "#")),
        "write true, false or null": _OTHER_WORDS.match(at) is not None,
        **{hint: error.msg.startswith(beginning) for beginning, hint in _HINTS.items()},
    }
    return next((hint for hint, fits in hints.items() if fits), _NO_VALUE)
