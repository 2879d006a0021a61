"""Pictures from outside: checked before they are decoded, decoded before they are stored."""

import hashlib
import io
import struct
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
SUFFIXES = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp"}


class PictureError(Exception):
    """The bytes are not an acceptable picture; the message tells the sender the reason."""


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


def inspect(data: bytes, limits: PictureLimits) -> ImageProperties:
    """Check a picture: size, format, one frame, pixels, and that all of it decodes.

    Raises:
        PictureError: one of the checks failed.
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


def decode(
    data: bytes, limits: PictureLimits | None = None, background: str = "white"
) -> Image.Image:
    """A stored picture as upright RGB.

    Args:
        data: the file.
        limits: the largest picture that is accepted.
        background: the colour behind transparent parts of the picture.

    Raises:
        PictureError: it does not decode.
    """
    return _as_rgb(_decode(_open(data, limits or PictureLimits())[0]), background)


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


def _as_rgb(picture: Image.Image, background: str) -> Image.Image:
    if picture.mode.startswith("I"):
        # It has 16 bits. Pillow would clip values above 8 bits: nearly all of it would be white.
        return picture.point(lambda level: level / 256).convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    # The colours of transparent pixels are arbitrary: the program that saved them left them there.
    layer = picture.convert("RGBA")
    flattened = Image.new("RGB", layer.size, background)
    flattened.paste(layer, mask=layer.getchannel("A"))
    return flattened


def _decode(picture: Image.Image) -> Image.Image:
    try:
        picture.load()
        return ImageOps.exif_transpose(picture)
    # Pillow does not check the numbers in a damaged EXIF block: hence the last two errors.
    except (OSError, ValueError, SyntaxError, TypeError, struct.error) as error:
        raise PictureError(f"the picture is damaged: {error}") from error
