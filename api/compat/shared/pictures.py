"""Pictures as foreign clients send them, as the native API takes them: data URIs."""

import base64
import re
from typing import Any

_MAGIC = {
    r"iVBOR": "image/png",
    r"[/_]9j[/_]": "image/jpeg",
    r"UklGR": "image/webp",
    r"R0lGO": "image/gif",
    r"SUkqA|TU0AK": "image/tiff",
    r"AAAA..Z0eX": "image/avif",
    r"Qk[\w+/-]{30}": "image/bmp",
}
"""The beginnings of pictures in base64, whose alphabet may be that for URLs."""


def data_uri(data: bytes, media_type: str = "image/png") -> str:
    """Bytes of a picture as a data URI; the media type is not believed when it is decoded."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def as_native(name: Any) -> Any:
    """A picture as the native API takes it: bare base64 becomes a data URI, all else stays."""
    if not isinstance(name, str):
        return name
    text = name.strip()
    media_type = next((kind for magic, kind in _MAGIC.items() if re.match(magic, text)), None)
    return f"data:{media_type};base64,{text}" if media_type else text
