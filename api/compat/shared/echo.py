"""A foreign request as it is kept with its job: storable, and without its pictures."""

import math
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

MAX_KEPT_ENTRIES = 500
"""The most entries that are kept of all objects and arrays: a body may hold thousands."""

_PICTURE_CHARS = 64
_MAX_NAME = 100
_MAX_TEXT = 5_000
"""As long as the longest prompt."""

_MAX_BYTES = 20_000
"""The most bytes of all names, texts and numbers, as UTF-8: what one text of the most characters
may take."""

_MAX_INTEGER = 2**64
"""No parameter is larger, and a number may have thousands of digits."""

_PICTURE = re.compile(r"\s*(?:data:|iVBOR|/9j/|UklGR|R0lGO)", re.IGNORECASE)
_MAX_DIGITS = 40
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """Text with `\N{REPLACEMENT CHARACTER}` for what the database refuses in JSON.

    That is NUL, and halves of surrogate pairs.
    """
    return _NOT_STORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def shortened(value: Any) -> Any:
    """JSON as it is kept with a job: pictures in it, and other long texts, are cut.

    A row must not hold megabytes; `…` ends what was cut, and entries beyond the limit are dropped.
    """
    return _Shortening().apply(value)


class _Shortening:
    """The shortening of one request."""

    def __init__(self) -> None:
        self._entries = MAX_KEPT_ENTRIES
        self._bytes = _MAX_BYTES

    def apply(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            kept = self._take(value)
            # The names first: those that no longer fit end the object.
            named = [(name, self._cut(name, _MAX_NAME, end="")) for name in kept]
            return {short: self.apply(value[name]) for name, short in named if short}
        if isinstance(value, list | tuple):
            return [self.apply(each) for each in self._take(value)]
        if isinstance(value, float) and not math.isfinite(value):
            return str(value)
        if isinstance(value, int) and abs(value) > _MAX_INTEGER:
            return self._cut(str(value), _MAX_DIGITS, end="…")
        return value

    def _take(self, entries: Any) -> list[Any]:
        """The entries of one object or array that are kept."""
        kept = list(islice(entries, self._entries))
        self._entries -= len(kept)
        return kept

    def _text(self, text: str) -> str:
        return self._cut(text, _PICTURE_CHARS if _PICTURE.match(text) else _MAX_TEXT, end="…")

    def _cut(self, text: str, most: int, *, end: str) -> str:
        """The beginning of a text that has room, with what tells that it was cut."""
        kept = storable(text[:most]).encode()[: self._bytes].decode(errors="ignore")
        self._bytes -= len(kept.encode())
        return kept if len(kept) == len(text) else f"{kept}{end}"
