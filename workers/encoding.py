"""From painted pictures to the bytes that are stored."""

import hashlib
import io
from dataclasses import dataclass

from workers.adapters.protocol import Painted

_LOSSY = {"jpeg", "webp"}
_OWN_NAMES = {"jpg": "jpeg"}


@dataclass(frozen=True)
class Encoded:
    """One result as it will be stored; width and height in pixels."""

    data: bytes
    media_type: str
    suffix: str
    width: int
    height: int
    seed: int
    sha256: str


def encode(painted: Painted, output_format: str, quality: int) -> Encoded:
    """Encode one picture as png, jpg or webp; `quality` (1-100) counts for the lossy two."""
    name = _OWN_NAMES.get(output_format, output_format)
    buffer = io.BytesIO()
    options = {"quality": quality} if name in _LOSSY else {"compress_level": 4}
    painted.image.save(buffer, format=name, **options)
    data = buffer.getvalue()
    return Encoded(
        data=data,
        media_type=f"image/{name}",
        suffix=output_format,
        width=painted.image.width,
        height=painted.image.height,
        seed=painted.seed,
        sha256=hashlib.sha256(data).hexdigest(),
    )
