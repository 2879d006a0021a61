"""Pictures from outside: checked before anything is decoded, decoded before anything is kept."""

import hashlib
import io
import struct
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
SUFFIXES = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp"}


class PictureError(Exception):
    """The bytes are not a picture that is accepted. `str()` of it tells the sender why."""


@dataclass(frozen=True)
class PictureLimits:
    """The largest picture that is accepted, in bytes and in pixels."""

    max_bytes: int = 20_000_000
    max_pixels: int = 20_000_000


@dataclass(frozen=True)
class ImageProperties:
    """What a checked picture is; width and height in pixels, upright."""

    media_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str


def inspect(data: bytes, limits: PictureLimits) -> ImageProperties:
    """Check a picture: size, format, one frame, pixels, and that it decodes to its end.

    Raises:
        PictureError: it fails one of them.
    """
    if len(data) > limits.max_bytes:
        raise PictureError(f"the picture has {len(data)} bytes; {limits.max_bytes} is the limit")
    picture, media_type = _open(data, limits)
    upright = _decode(picture)
    return ImageProperties(
        media_type=media_type,
        width=upright.width,
        height=upright.height,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def decode(data: bytes, limits: PictureLimits | None = None, behind: str = "white") -> Image.Image:
    """A stored picture as upright RGB.

    Args:
        data: the file.
        limits: the largest that is accepted.
        behind: the colour that is seen where the picture is transparent.

    Raises:
        PictureError: it does not decode.
    """
    return _as_rgb(_decode(_open(data, limits or PictureLimits())[0]), behind)


def _open(data: bytes, limits: PictureLimits) -> tuple[Image.Image, str]:
    """Read the header alone: no pixel is decoded before the size is known to be small enough."""
    try:
        with warnings.catch_warnings():
            # Our own limit follows at once; Pillow's is a process-wide constant.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=list(MEDIA_TYPES))
    except UnidentifiedImageError as error:
        raise PictureError("this is not a PNG, JPEG or WebP picture") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PictureError(f"the picture cannot be read: {error}") from error
    if picture.width * picture.height > limits.max_pixels:
        size = f"{picture.width} x {picture.height}"
        raise PictureError(f"the picture is {size} pixels; {limits.max_pixels} in all is the limit")
    if getattr(picture, "n_frames", 1) != 1:
        raise PictureError("the picture has several frames; send one of them")
    return picture, MEDIA_TYPES[picture.format or ""]


def _as_rgb(picture: Image.Image, behind: str) -> Image.Image:
    if picture.mode.startswith("I"):
        # Of 16 bits; Pillow would cut off what exceeds 8 of them: nearly all of it would be white.
        return picture.point(lambda level: level / 256).convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    # What lies under transparent pixels is whatever the program that saved them left there.
    seen = picture.convert("RGBA")
    whole = Image.new("RGB", seen.size, behind)
    whole.paste(seen, mask=seen.getchannel("A"))
    return whole


def _decode(picture: Image.Image) -> Image.Image:
    try:
        picture.load()
        return ImageOps.exif_transpose(picture)
    # Pillow reads a damaged EXIF block's numbers as they come: hence the last two.
    except (OSError, ValueError, SyntaxError, TypeError, struct.error) as error:
        raise PictureError(f"the picture is damaged: {error}") from error
