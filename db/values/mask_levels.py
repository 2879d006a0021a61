"""The levels of a mask, and why nothing in it is white, as a hint for its sender."""

from dataclasses import dataclass

from PIL import Image, ImageChops

from db.values import pictures
from db.values.pictures import PictureLimits, Reserve

HALF_WHITE = 128
"""The lowest level of a mask, of 255, that is repainted; darker grays blend at its seam."""

_FEW_LEVELS = 16
"""The most levels of a mask that numbers its areas."""
_COLOURED = 48
"""The least distance of two channels of a pixel that is coloured."""
_SIXTEEN_BITS = b"\x10"
_DEPTH = slice(24, 25)
"""The place of the bit depth in a PNG."""
_OTHERWISE = "paint white what should change, and black what stays"


@dataclass(frozen=True)
class MaskLevels:
    """The levels of a decoded mask.

    Attributes:
        brightest: the highest level of its gray, from 0 to 255.
        is_coloured: true when some pixel is no shade of gray.
    """

    brightest: int
    is_coloured: bool


def levels_of(mask: Image.Image) -> MaskLevels:
    """The levels of an RGB mask, black where it is transparent."""
    red, green, blue = mask.split()
    distance = max(_highest(ImageChops.difference(*pair)) for pair in ((red, green), (green, blue)))
    return MaskLevels(_highest(mask.convert("L")), distance >= _COLOURED)


def has_white(mask: bytes, limits: PictureLimits, reserve: Reserve) -> bool:
    """True for a mask's file with a level that is repainted.

    Raises:
        db.values.pictures.PictureError: it does not decode.
    """
    picture = pictures.decode(mask, limits, reserve=reserve)
    return levels_of(picture).brightest >= HALF_WHITE


def dark_reason(data: bytes, levels: MaskLevels, limits: PictureLimits, reserve: Reserve) -> str:
    """The brightest level of a mask that has nothing white, and what to do.

    Args:
        data: the file.
        levels: of the decoded mask.
        limits: the largest picture that is accepted.
        reserve: entered while its transparency is decoded.
    """
    remedy = _remedy(data, levels, _clear_share(data, limits, reserve))
    return f"its brightest level is {levels.brightest} of 255; {remedy}"


def _remedy(data: bytes, levels: MaskLevels, clear: float | None) -> str:
    if clear is not None:
        return _remedy_of_transparency(clear, levels)
    if levels.brightest <= 1 and data[_DEPTH] == _SIXTEEN_BITS:
        return "if its 16 bits hold levels up to 255, save it with 8 bits"
    if levels.brightest == 1:
        return "values 0 and 1: multiply by 255"
    if 0 < levels.brightest <= _FEW_LEVELS:
        return f"if it numbers areas, set those to 255 that should change; {_OTHERWISE}"
    if levels.is_coloured:
        return f"colours count by their brightness: {_OTHERWISE}"
    return f"the model repaints from {HALF_WHITE} on, darker grays only blend: {_OTHERWISE}"


def _remedy_of_transparency(clear: float, levels: MaskLevels) -> str:
    if clear < 1 / 2 and levels.brightest > 0:
        return "its transparent parts count as black: make them white, and all else black"
    return "the strokes are in the alpha channel: flatten them as white on black"


def _clear_share(data: bytes, limits: PictureLimits, reserve: Reserve) -> float | None:
    """The transparent share of a mask; None where it has no transparency."""
    area = pictures.transparent_area(data, limits, reserve)
    if area is None:
        return None
    levels = pictures.decode(area, limits, reserve=reserve).convert("L").histogram()
    return sum(levels[HALF_WHITE:]) / sum(levels)


def _highest(gray: Image.Image) -> int:
    return max(level for level, count in enumerate(gray.histogram()) if count)
