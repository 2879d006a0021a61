"""The parser of JSON in requests: strict, and with errors that say where and what to change."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

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


def says_json(content_type: str) -> bool:
    """True for the media types that are read as JSON."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def parse(data: bytes, *, with_duplicates: bool = False) -> Any:
    """Parse a request's JSON; a byte order mark is passed over.

    Args:
        data: the body.
        with_duplicates: true to take the last of several equal names in an object, which is
            refused otherwise: another parser would take the first.

    Raises:
        EncodingError: it is not in UTF-8.
        JsonError: it is no JSON, has a number that no JSON has, or names a field twice.
    """
    text = _decoded(data)
    faults = _Faults()
    try:
        parsed = json.loads(
            text,
            object_pairs_hook=None if with_duplicates else faults.object_of,
            parse_constant=faults.constant,
            parse_float=faults.fraction,
            parse_int=faults.whole,
        )
    except json.JSONDecodeError as error:
        raise _syntax_error(text, error) from None
    faults.refuse(parsed)
    return parsed


def _decoded(data: bytes) -> str:
    if data.startswith(_UTF_16) or data[1:2] == b"\x00":
        raise EncodingError("the body is in UTF-16 or UTF-32: send JSON in UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"the body is not in UTF-8, see its byte {error.start + 1}: send JSON in UTF-8"
        raise EncodingError(message) from None


Place = tuple[str | int, ...]


class _Faults:
    """Values that the standard parser takes, and no request may have.

    The parser does not tell where a value stands, so each is looked for in what was parsed.
    """

    def __init__(self) -> None:
        self._found: list[tuple[Any, Place, str, str]] = []

    def object_of(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """An object; one in which a name stands twice is noted."""
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for n, name in enumerate(names) if name in names[:n])
            message = "the field is given twice: give it once"
            self._found.append((made, (twice,), message, "duplicate_field"))
        return made

    def constant(self, word: str) -> Any:
        """Note NaN or an infinity."""
        return self._no_number(f"{word} is no number of JSON; leave the field out, or send null")

    def fraction(self, digits: str) -> Any:
        """A number with a point or an exponent; one that is infinite is noted."""
        number = float(digits)
        if math.isfinite(number):
            return number
        return self._no_number("the number is larger than any that can be computed with")

    def whole(self, digits: str) -> Any:
        """A whole number; one that Python does not read is noted."""
        try:
            return int(digits)
        except ValueError:
            return self._no_number("the whole number has too many digits")

    def _no_number(self, message: str) -> object:
        """Note a number, and return a value that can be found again."""
        self._found.append((mark := object(), (), message, "number_invalid"))
        return mark

    def refuse(self, parsed: Any) -> None:
        """Raise for the first value that was noted.

        Raises:
            JsonError: there is one.
        """
        for value, name, message, kind in self._found[:1]:
            place = next((place for place, each in _values(parsed, ()) if each is value), ())
            raise JsonError(message, (*place, *name), kind)


def _values(value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    """A value and all that it contains, and the path to each."""
    yield place, value
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _values(each, (*place, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _values(each, (*place, number))


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
