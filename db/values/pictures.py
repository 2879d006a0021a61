"""Pictures from outside: checked before they are decoded, decoded before they are stored."""

import hashlib
import io
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from PIL import ExifTags, Image, ImageChops, ImageOps, UnidentifiedImageError

from db.values.picture_header import PictureError, PictureHeader, read_header

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

MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
SUFFIXES = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp"}

_DRAFT = 8
"""The largest factor by which libjpeg makes a picture smaller while it decodes all of it."""

_OPAQUE = 255

_SIDEWAYS = frozenset({5, 6, 7, 8})
"""The values of EXIF's orientation that exchange width and height."""

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
    """Check a picture: size, format, one frame, pixels, and that all of it decodes.

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
        width, height = _upright_size(data, header)
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
    """A stored picture as upright RGB.

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
        picture = _open(data, header)
        with _damage_explained():
            picture.load()
            ImageOps.exif_transpose(picture, in_place=True)
        with _damage_explained():
            rgb = _as_rgb(picture, background)
    # Profiles and transparent levels of the file are not those of these pixels.
    rgb.info = {}
    return rgb


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
        picture = _open(data, header)
        if not picture.has_transparency_data:
            return None
        with _damage_explained():
            picture.load()
            ImageOps.exif_transpose(picture, in_place=True)
            alpha = picture.convert("RGBA").getchannel("A")
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


def _open(data: bytes, header: PictureHeader) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # Our own limit came before; Pillow's is a process-wide constant.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=[header.format])
    except UnidentifiedImageError as error:
        raise PictureError("this is not a PNG, JPEG or WebP picture") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PictureError(f"the picture cannot be read: {error}") from error
    if picture.width * picture.height > header.pixels:
        raise PictureError("the picture is damaged: it is larger than its header says")
    if getattr(picture, "n_frames", 1) != 1:
        raise PictureError("the picture has several frames; send one of them")
    return picture


def _upright_size(data: bytes, header: PictureHeader) -> tuple[int, int]:
    picture = _open(data, header)
    size = picture.size
    # A JPEG's decoder reads all of the file, and holds a sixty-fourth of the picture.
    picture.draft(None, (max(1, size[0] // _DRAFT), max(1, size[1] // _DRAFT)))
    with _damage_explained():
        picture.load()
        if picture.mode in ("P", "PA") and picture.palette is None:
            raise PictureError("the picture is damaged: its palette is missing")
        is_sideways = picture.getexif().get(ExifTags.Base.Orientation) in _SIDEWAYS
    return size[::-1] if is_sideways else size


def _as_rgb(picture: Image.Image, background: str) -> Image.Image:
    if picture.mode == "RGB" and not picture.has_transparency_data:
        # The same pixels without the file and its decoder, which hold several more copies.
        return picture._new(picture.im)  # noqa: SLF001 - every public way copies the pixels
    if picture.mode.startswith("I"):
        # It has 16 bits. Pillow would clip values above 8 bits: nearly all of it would be white.
        return picture.point(lambda level: level / 256).convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    # The colours of transparent pixels are arbitrary: the program that saved them left them there.
    layer = picture if picture.mode == "RGBA" else picture.convert("RGBA")
    flattened = Image.new("RGB", layer.size, background)
    flattened.paste(layer, mask=layer)
    return flattened


@contextmanager
def _damage_explained() -> Iterator[None]:
    try:
        yield
    # Pillow checks neither the numbers in a damaged EXIF block, hence two of the errors, nor that
    # there is a palette.
    except AssertionError as error:
        raise PictureError("the picture is damaged: its palette is missing") from error
    except (OSError, ValueError, SyntaxError, TypeError, IndexError, struct.error) as error:
        raise PictureError(f"the picture is damaged: {error}") from error
