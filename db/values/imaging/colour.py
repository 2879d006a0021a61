"""Conversion of decoded pixels to sRGB, as browsers convert them."""

import io
from collections.abc import Sequence
from contextlib import suppress
from functools import cache

from PIL import Image, ImageCms
from PIL.ImageCms import Intent

from db.values.imaging.profiles import profile_of
from db.values.imaging.source import ColourSpace, Icc

_SPACE_AT = 16
_MODES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
_TAGS_AT, _TAG_BYTES, _MAX_TAGS = 128, 12, 100
_FLOAT_TAGS = (b"D2B0", b"D2B1", b"D2B2", b"D2B3")

MAX_PROFILE_BYTES = 4_000_000
"""The largest ICC profile that is looked at. Those of printing presses have one or two million."""


def to_srgb(picture: Image.Image, spaces: Sequence[ColourSpace]) -> Image.Image:
    """A picture in sRGB: RGB, or the same pixels where nothing is to be converted.

    A profile that is broken, or that is made for other samples than the picture's, counts as none.

    Args:
        picture: of the mode L, RGB, RGBA or CMYK; RGB and RGBA are changed in place.
        spaces: the colour spaces that its file names; the first that is usable counts.
    """
    for space in spaces:
        profile = space.data if isinstance(space, Icc) else profile_of(space)
        if profile is None:
            return picture
        with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            if (converted := _converted(picture, profile)) is not None:
                return converted
    return picture


def _converted(picture: Image.Image, profile: bytes) -> Image.Image | None:
    wanted = _MODES.get(profile[_SPACE_AT : _SPACE_AT + 4])
    if not _is_whole(profile) or wanted is None:
        return None
    if wanted == "RGB" and picture.mode == "L":
        picture = picture.convert("RGB")
    if wanted != picture.mode.removesuffix("A"):
        return None
    result = "RGBA" if picture.mode == "RGBA" else "RGB"
    transform = _transform(profile, picture.mode, result)
    if picture.mode != result:
        return ImageCms.applyTransform(picture, transform)
    ImageCms.applyTransform(picture, transform, inPlace=True)
    return picture


def _is_whole(profile: bytes) -> bool:
    return int.from_bytes(profile[:4], "big") <= len(profile) <= MAX_PROFILE_BYTES


def _transform(profile: bytes, given: str, result: str) -> ImageCms.ImageCmsTransform:
    opened = ImageCms.ImageCmsProfile(io.BytesIO(_as_browsers_read(profile)))
    # Browsers prefer the table of this intent; littlecms reads no other one for it.
    intent = Intent.PERCEPTUAL if b"A2B0" in _tags(profile) else Intent.RELATIVE_COLORIMETRIC
    # The white of a table is what the table says, as browsers have it.
    flags = ImageCms.Flags.NOWHITEONWHITEFIXUP
    return ImageCms.buildTransform(opened, _srgb(), given, result, intent, flags)


def _as_browsers_read(profile: bytes) -> bytes:
    """The profile without the tables of floats, which browsers ignore and littlecms prefers.

    Each of their elements is computed for every colour of a cube, and the elements may share their
    bytes: a small file would keep littlecms busy for an hour.
    """
    read = bytearray(profile)
    for n, tag in enumerate(_tags(profile)):
        if tag in _FLOAT_TAGS:
            start = _TAGS_AT + 4 + n * _TAG_BYTES
            read[start : start + 1] = b"x"
    return bytes(read)


def _tags(profile: bytes) -> list[bytes]:
    count = min(int.from_bytes(profile[_TAGS_AT : _TAGS_AT + 4], "big"), _MAX_TAGS)
    starts = range(_TAGS_AT + 4, _TAGS_AT + 4 + count * _TAG_BYTES, _TAG_BYTES)
    return [profile[start : start + 4] for start in starts]


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
