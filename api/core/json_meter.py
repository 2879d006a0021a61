"""A limit on JSON while it arrives: bytes, pictures, entries and depth, before it is parsed.

A picture is a string that begins with `data:`, or with what base64 makes of a picture's first
bytes. Such strings have a limit of their own; all that is
left of a body is small, so that parsing it is cheap in time and memory.
"""

import re
from dataclasses import dataclass

from api.core.errors import ProblemError, invalid

_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_PICTURE = re.compile(
    rb"(?:\s|\\[nrt])*(?:(?i:data:)|iVBOR|(?:\\?/|_)9j|UklGR|R0lGO|SUkqA|TU0AK|AAAA)"
)
"""The beginnings of a data URI, and of PNG, JPEG, WebP, GIF, TIFF and AVIF files in base64.

A JPEG's slash may be escaped, as some writers of JSON do.
"""

_HEAD_BYTES = 20
_URI_SLACK_CHARS = 4096
"""The beginning of the URI; and a picture that is a little too large is named by its field."""

_QUOTE = b'"'
_BACKSLASH = b"\\"
_OPENING = b"[{"
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


@dataclass(frozen=True)
class JsonLimits:
    """The limits of one request's JSON.

    Attributes:
        max_bytes: the most bytes without the pictures.
        max_picture_chars: the longest picture, as a data URI.
        max_entries: the most entries of all objects and arrays, and the most strings.
        max_depth: the deepest nesting of objects and arrays.
    """

    max_bytes: int
    max_picture_chars: int
    max_entries: int = 10_000
    max_depth: int = 32


def data_uri_chars(picture_bytes: int) -> int:
    """The longest data URI of a picture: base64 takes four characters for three bytes.

    Line breaks, and signs that are escaped, add an eighth at most.
    """
    return picture_bytes // 3 * 4 * 9 // 8 + _URI_SLACK_CHARS


class JsonMeter:
    """Measures one body, chunk by chunk."""

    def __init__(self, limits: JsonLimits) -> None:
        self._limits = limits
        self._bytes = 0
        self._entries = 0
        self._strings = 0
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._head = b""
        self._length = 0

    def feed(self, chunk: bytes) -> None:
        """Measure the next bytes.

        Raises:
            ProblemError: a limit is exceeded; the rest of the body need not be received.
        """
        at = 0
        while at < len(chunk):
            at = self._string(chunk, at) if self._in_string else self._structure(chunk, at)

    def _structure(self, chunk: bytes, at: int) -> int:
        """Measure what lies before the next string."""
        quote = chunk.find(_QUOTE, at)
        piece = chunk[at : quote if quote >= 0 else len(chunk)]
        self._add_bytes(len(piece) + 1)
        self._entries += piece.count(b",") + piece.count(b"[") + piece.count(b"{")
        if self._entries > self._limits.max_entries:
            raise _too_many(f"more than {self._limits.max_entries} entries")
        if brackets := piece.translate(None, _NOT_BRACKETS):
            self._measure_depth(brackets)
        if quote < 0:
            return len(chunk)
        self._open_string()
        return quote + 1

    def _measure_depth(self, brackets: bytes) -> None:
        for bracket in brackets:
            self._depth += 1 if bracket in _OPENING else -1
            if self._depth > self._limits.max_depth:
                raise _too_many(f"a nesting deeper than {self._limits.max_depth}")

    def _open_string(self) -> None:
        self._in_string, self._head, self._length = True, b"", 0
        self._strings += 1
        if self._strings > 2 * self._limits.max_entries:
            raise _too_many(f"more than {2 * self._limits.max_entries} strings")

    def _string(self, chunk: bytes, at: int) -> int:
        """Measure the string up to its end, or the end of the chunk."""
        end = _string_end(chunk, at + 1 if self._escaped else at)
        self._escaped = False
        if end < len(chunk):
            self._in_string = chunk[end : end + 1] != _QUOTE
            self._escaped = self._in_string  # the chunk ends within an escape sequence
            end += 1
        if len(self._head) < _HEAD_BYTES:
            self._head += chunk[at : min(end, at + _HEAD_BYTES)]
        self._add_string(end - at)
        return end

    def _add_string(self, count: int) -> None:
        self._length += count
        if not self._is_picture():
            self._add_bytes(count)
        elif self._length > self._limits.max_picture_chars:
            most = self._limits.max_picture_chars
            raise _too_large(f"a picture of more than {most} characters")

    def _is_picture(self) -> bool:
        return _PICTURE.match(self._head[:_HEAD_BYTES]) is not None

    def _add_bytes(self, count: int) -> None:
        self._bytes += count
        if self._bytes > self._limits.max_bytes:
            raise _too_large(
                f"more than {self._limits.max_bytes} bytes of JSON beside its pictures (data URIs)"
            )


def _string_end(chunk: bytes, begin: int) -> int:
    """The place of the quote that ends a string, or of an escape that the chunk cuts."""
    quote = chunk.find(_QUOTE, begin)
    end = quote if quote >= 0 else len(chunk)
    if chunk.find(_BACKSLASH, begin, end) < 0:
        return end
    matched = _STRING.match(chunk, begin)
    return matched.end() if matched else begin


def _too_large(reason: str) -> ProblemError:
    return ProblemError(413, "body_too_large", f"the request body has {reason}")


def _too_many(reason: str) -> ProblemError:
    return invalid(["body"], f"the request body has {reason}")
