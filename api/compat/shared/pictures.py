"""Pictures as foreign clients send them, as the native API takes them: data URIs."""

import base64
import re
from typing import Any

_MAGIC = {
    "iVBOR": "image/png",
    "/9j/": "image/jpeg",
    "UklGR": "image/webp",
    "R0lGO": "image/gif",
}
_FTYP = re.compile(r"AAAA.GZ0eX")
"""The first box of an AVIF or HEIC, in base64."""


def data_uri(data: bytes, media_type: str = "image/png") -> str:
    """Bytes of a picture as a data URI; the media type is not believed when it is decoded."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def as_native(name: Any) -> Any:
    """A picture as the native API takes it: bare base64 becomes a data URI, all else stays."""
    if not isinstance(name, str):
        return name
    text = name.strip()
    media_type = next((kind for magic, kind in _MAGIC.items() if text.startswith(magic)), None)
    if _FTYP.match(text):
        media_type = "image/avif"
    return f"data:{media_type};base64,{text}" if media_type else text
