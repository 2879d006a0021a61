"""The parts of a picture's file that count: its pixels, its colours and its orientation."""

import struct
from dataclasses import dataclass
from typing import TypeAlias

UPRIGHT = 1
_ORIENTATION = 0x0112
_ENTRY_BYTES = 12
_MAX_ENTRIES = 1000


@dataclass(frozen=True)
class Icc:
    """An ICC profile that came with a picture, not checked."""

    data: bytes


@dataclass(frozen=True)
class CodePoints:
    """Numbers of ITU-T H.273 for primaries and transfer function."""

    primaries: int
    transfer: int


@dataclass(frozen=True)
class GammaPrimaries:
    """The chunks gAMA and cHRM of a PNG.

    Attributes:
        gamma: the exponent by which light became samples.
        xy: the chromaticities of white, red, green and blue, x and y each; None for sRGB's.
    """

    gamma: float
    xy: tuple[float, ...] | None = None


ColourSpace: TypeAlias = Icc | CodePoints | GammaPrimaries


@dataclass(frozen=True)
class PictureSource:
    """A file without what no viewer needs.

    Attributes:
        pixels: a file of the same format without metadata, for its decoder.
        spaces: the colour spaces that the file names; the first that is usable counts.
        orientation: EXIF's number for it.
        clear: the samples of the one colour that is transparent, of the file's own bits.
        sample_bits: of those samples.
        is_cut: True where the file ends before its end mark.
    """

    pixels: bytes
    spaces: tuple[ColourSpace, ...] = ()
    orientation: int = UPRIGHT
    clear: tuple[int, ...] | None = None
    sample_bits: int = 8
    is_cut: bool = False


def orientation_of(exif: bytes) -> int:
    """The orientation in an EXIF block; upright where the block is broken or does not say it.

    No more of the block is read: what else is wrong in it concerns nobody.
    """
    block = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return UPRIGHT
    try:
        return _first_directory(block, order)
    except struct.error:
        return UPRIGHT


def _first_directory(block: bytes, order: str) -> int:
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    (count,) = struct.unpack_from(f"{order}H", block, start)
    for n in range(min(count, _MAX_ENTRIES)):
        entry = struct.unpack_from(f"{order}HHIH", block, start + 2 + n * _ENTRY_BYTES)
        if entry[:3] == (_ORIENTATION, 3, 1):
            return entry[3] if entry[3] in range(1, 9) else UPRIGHT
    return UPRIGHT
