"""A writer of PNGs of every kind that the standard knows."""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence

from tests.support.pictures import chunk

Pixel = Sequence[int]
Picture = Callable[[int, int], Pixel]
"""The samples of a pixel by its place."""

SIZE = (48, 32)
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


def png(
    picture: Picture,
    colours: int,
    bits: int = 8,
    *,
    chunks: bytes = b"",
    behind: bytes = b"",
    interlaced: bool = False,
    size: tuple[int, int] = SIZE,
) -> bytes:
    """A PNG of these samples.

    Args:
        picture: the samples of each pixel, of so many bits.
        colours: the standard's number of the kind of colours.
        bits: of a sample.
        chunks: other chunks before the pixels.
        behind: chunks behind the pixels.
        interlaced: in seven passes.
        size: in pixels.
    """
    header = struct.pack(">IIBBBBB", *size, bits, colours, 0, 0, int(interlaced))
    rows = b"".join(_rows(picture, bits, size, interlaced=interlaced))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunks
        + chunk(b"IDAT", zlib.compress(rows))
        + behind
        + chunk(b"IEND", b"")
    )


def _rows(
    picture: Picture, bits: int, size: tuple[int, int], *, interlaced: bool
) -> Iterator[bytes]:
    for left, top, across, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        for y in range(top, size[1], down):
            samples = [each for x in range(left, size[0], across) for each in picture(x, y)]
            if samples:
                yield b"\0" + _packed(samples, bits)


def _packed(samples: Sequence[int], bits: int) -> bytes:
    if bits == 16:
        return struct.pack(f">{len(samples)}H", *samples)
    per_byte = 8 // bits
    padded = [*samples, *[0] * (-len(samples) % per_byte)]
    return bytes(
        sum(sample << (8 - bits * (n + 1)) for n, sample in enumerate(padded[at : at + per_byte]))
        for at in range(0, len(padded), per_byte)
    )
