"""Data URIs as browsers read them: RFC 2397, with the forgiving base64 of the WHATWG.

The media type and its parameters are not believed: the file's own bytes say what it is.
"""

import base64
import re
from urllib.parse import unquote_to_bytes

from db.values.pictures import PictureError

_BASE64 = re.compile(r";[ \t]*base64\Z", re.IGNORECASE)
_ASCII_SPACE = b" \t\n\f\r"
_STANDARD = bytes.maketrans(b"-_", b"+/")
"""The letters of base64 for URLs, as those of the usual one."""

_FOREIGN = re.compile(rb"[^A-Za-z0-9+/]")
_BASE64_PICTURES = re.compile(r"iVBORw0KG|/9j/|UklGR|R0lGOD|AAAA..Z0eX")
"""The beginnings of pictures in base64."""

_CHUNK = 65_536
_MAX_ESCAPES = 2_000_000
"""More than the signs of base64 in the largest picture: each takes as long as a hundred letters."""

_FORM = "a data URI reads data:image/png;base64,…"


def is_data_uri(name: str) -> bool:
    """True for text of the scheme `data`."""
    return name[:5].lower() == "data:"


def decode(uri: str) -> bytes:
    """The bytes of a data URI, in time that grows with its length.

    Raises:
        PictureError: it holds no data, or data that is broken off.
    """
    header, comma, data = uri[len("data:") :].partition(",")
    if not comma:
        raise PictureError(f"{_FORM}; this one has no comma before its data")
    is_base64 = _BASE64.search(header.strip()) is not None
    if not is_base64 and _BASE64_PICTURES.match(data.lstrip()):
        raise PictureError(f"{_FORM}; this one lacks ;base64 before the comma")
    body = _unescaped(data.partition("#")[0])
    decoded = _from_base64(body) if is_base64 else body
    if not decoded:
        raise PictureError("the data URI holds no data behind its comma")
    return decoded


def _unescaped(text: str) -> bytes:
    """The bytes of percent-encoded text, piece by piece: each escape is an object meanwhile."""
    if "%" not in text:
        return text.encode("utf-8", "surrogatepass")
    if text.count("%") > _MAX_ESCAPES:
        raise PictureError("the data URI has too many characters written as %XX: send base64")
    whole, start = bytearray(), 0
    while start < len(text):
        end = start + _CHUNK
        cut = text.rfind("%", end - 2, end)
        end = end if cut < 0 or end >= len(text) else cut
        whole += unquote_to_bytes(text[start:end])
        start = end
    return bytes(whole)


def _from_base64(text: bytes) -> bytes:
    """Decode base64 with white space in it, with or without padding, in either alphabet."""
    letters = text.translate(_STANDARD, _ASCII_SPACE).rstrip(b"=")
    if (foreign := _FOREIGN.search(letters)) is not None:
        place = foreign.start() + 1
        raise PictureError(f"the data URI is not base64: see its character {place}")
    if len(letters) % 4 == 1:
        raise PictureError("the data URI's base64 is not whole: some of it is missing")
    return base64.b64decode(letters + b"=" * (-len(letters) % 4))
