"""Pictures from outside: checked before they are decoded, and decoded to what a browser shows."""

import hashlib
import io
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from PIL import Image, ImageChops

from db.values.imaging import decoding
from db.values.imaging.files import read_header, read_source
from db.values.imaging.header import PictureError, PictureHeader
from db.values.imaging.layer import flattened, layer_of

__all__ = [
    "MEDIA_TYPES",
    "SUFFIXES",
    "ImageProperties",
    "PictureError",
    "PictureLimits",
    "Reserve",
    "decode",
    "inspect",
    "transparent_area",
    "unlimited",
]

MEDIA_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
    "GIF": "image/gif",
    "BMP": "image/bmp",
}
SUFFIXES = {media_type: media_type.removeprefix("image/") for media_type in MEDIA_TYPES.values()}

_OPAQUE = 255

Reserve = Callable[[int], AbstractContextManager[object]]
"""Holds a number of pixels of the process's memory while a picture is decoded."""


@dataclass(frozen=True)
class PictureLimits:
    """The largest picture that is accepted, in bytes and in pixels."""

    max_bytes: int = 20_000_000
    max_pixels: int = 20_000_000


@dataclass(frozen=True)
class ImageProperties:
    """The properties of a checked picture; width and height in pixels, upright."""

    media_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str


def unlimited(_pixels: int) -> AbstractContextManager[object]:
    """Reserve nothing."""
    return nullcontext()


def inspect(data: bytes, limits: PictureLimits, reserve: Reserve = unlimited) -> ImageProperties:
    """Check a picture: size, format, pixels, and that it decodes. Of several frames, the first.

    Args:
        data: the file.
        limits: the largest picture that is accepted.
        reserve: entered while the picture is decoded.

    Raises:
        PictureError: one of the checks failed.
    """
    if len(data) > limits.max_bytes:
        # What is received of a larger one ends there.
        raise PictureError(f"the picture has more than {limits.max_bytes} bytes, the limit")
    header = _checked_header(data, limits)
    with reserve(header.decoding_pixels):
        width, height = decoding.upright_size(read_source(data), header)
    return ImageProperties(
        media_type=MEDIA_TYPES[header.format],
        width=width,
        height=height,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def decode(
    data: bytes,
    limits: PictureLimits | None = None,
    background: str = "white",
    reserve: Reserve = unlimited,
) -> Image.Image:
    """A stored picture as upright RGB in sRGB, without anything else of its file.

    Args:
        data: the file.
        limits: the largest picture that is accepted.
        background: the colour behind transparent parts of the picture.
        reserve: entered while the picture is decoded.

    Raises:
        PictureError: it does not decode.
    """
    header = _checked_header(data, limits or PictureLimits())
    with reserve(header.decoding_pixels):
        source = read_source(data)
        return flattened(layer_of(decoding.load(source, header), source), background)


def transparent_area(
    data: bytes, limits: PictureLimits | None = None, reserve: Reserve = unlimited
) -> bytes | None:
    """The transparent area of a picture as a mask: a PNG of its upright size, white there.

    Args:
        data: the file.
        limits: the largest picture that is accepted.
        reserve: entered while the picture is decoded.

    Returns:
        The mask's file, grey where the picture is half transparent; None for a picture that is
        transparent nowhere.

    Raises:
        PictureError: it does not decode.
    """
    header = _checked_header(data, limits or PictureLimits())
    with reserve(header.decoding_pixels):
        source = read_source(data)
        layer = layer_of(decoding.load(source, header), source)
        if layer.mode != "RGBA":
            return None
        alpha = layer.getchannel("A")
        if alpha.getextrema() == (_OPAQUE, _OPAQUE):
            return None
        mask = io.BytesIO()
        ImageChops.invert(alpha).save(mask, "PNG", compress_level=1)
    return mask.getvalue()


def _checked_header(data: bytes, limits: PictureLimits) -> PictureHeader:
    """Read the header alone: no decoder is made before the size is known to be small enough."""
    header = read_header(data)
    if header.pixels > limits.max_pixels:
        size = f"{header.width} x {header.height}"
        raise PictureError(f"the picture is {size} pixels; {limits.max_pixels} in all is the limit")
    return header
