"""ICC profiles drawn for the corpus: by primaries, by a grey curve, and by tables."""

import struct
from collections.abc import Callable, Sequence

D50 = (0.9642, 1.0, 0.8249)

Rgb = tuple[float, float, float]

SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
PROPHOTO = ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82490))
BT2020 = ((0.67348, 0.27904, -0.00194), (0.16567, 0.67534, 0.02998), (0.12505, 0.04561, 0.79686))
SWAPPED = (SRGB[2], SRGB[0], SRGB[1])
"""Red and blue exchanged and green with them: nobody misses whether it was looked at."""

SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
"""The parameters g, a, b, c and d of a curve of kind 3."""


def matrix(
    primaries: Sequence[Rgb], gamma: float | Sequence[float] = 2.2, *, space: bytes = b"RGB "
) -> bytes:
    """A profile of three primaries; the curve by its exponent or by five parameters."""
    tags = [
        (b"wtpt", _xyz(D50)),
        *(
            (name, _xyz(each))
            for name, each in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)
        ),
    ]
    tags += [(name, _curve(gamma)) for name in (b"rTRC", b"gTRC", b"bTRC")]
    return _profile(space, b"XYZ ", tags)


def grey(gamma: float | Sequence[float]) -> bytes:
    """A profile of greys."""
    return _profile(b"GRAY", b"XYZ ", [(b"wtpt", _xyz(D50)), (b"kTRC", _curve(gamma))])


def table(
    space: bytes,
    inks: int,
    lab: Callable[..., Rgb],
    *,
    points: int = 9,
    kind: bytes = b"mntr",
    tag: bytes = b"A2B0",
) -> bytes:
    """A profile of a table from samples to CIE Lab, sixteen bits."""
    grid = [()]
    for _ in range(inks):
        grid = [(*cell, n / (points - 1)) for cell in grid for n in range(points)]
    content = b"mft2\0\0\0\0" + struct.pack(">BBBx", inks, 3, points)
    content += struct.pack(">9i", *(round(each * 65536) for each in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    content += struct.pack(">HH", 2, 2) + struct.pack(">HH", 0, 65535) * inks
    content += b"".join(_lab16(*lab(*cell)) for cell in grid)
    content += struct.pack(">HH", 0, 65535) * 3
    return _profile(space, b"Lab ", [(b"wtpt", _xyz(D50)), (tag, content)], kind=kind)


def floats(profile: bytes, tag: bytes, elements: int) -> bytes:
    """A profile with a table of floats for one intent, whose elements all share their bytes."""
    matrix = b"matf\0\0\0\0" + struct.pack(">HH12f", 3, 3, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0)
    place = struct.pack(">II", 16 + 8 * elements, len(matrix))
    content = b"mpet\0\0\0\0" + struct.pack(">HHI", 3, 3, elements) + place * elements + matrix
    count, at = int.from_bytes(profile[128:132], "big"), 132
    listed = b"".join(
        struct.pack(">4sII", name, start + 12, size)
        for name, start, size in struct.iter_unpack(">4sII", profile[at : at + 12 * count])
    )
    listed += struct.pack(">4sII", tag, len(profile) + 12, len(content))
    rest = listed + profile[at + 12 * count :] + content
    size = struct.pack(">I", at + len(rest))
    return size + profile[4:8] + b"\4\x30" + profile[10:128] + struct.pack(">I", count + 1) + rest


def _lab16(lightness: float, a: float, b: float) -> bytes:
    values = (lightness * 652.8, (a + 128) * 256, (b + 128) * 256)
    return struct.pack(">3H", *(min(65535, max(0, round(each))) for each in values))


def lab_of_light(red: float, green: float, blue: float, primaries: Sequence[Rgb] = SRGB) -> Rgb:
    """CIE Lab of linear light."""
    x, y, z = (
        sum(light * each[n] for light, each in zip((red, green, blue), primaries, strict=True))
        / D50[n]
        for n in range(3)
    )
    fx, fy, fz = (
        each ** (1 / 3) if each > 0.008856 else 7.787 * each + 16 / 116 for each in (x, y, z)
    )
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def lab_of_inks(cyan: float, magenta: float, yellow: float, black: float) -> Rgb:
    """CIE Lab of a simple press: each ink takes most of one light."""
    left = [(1 - 0.9 * ink) * (1 - 0.95 * black) for ink in (cyan, magenta, yellow)]
    return lab_of_light(*(each**1.8 for each in left))


def lab_of_warm(red: float, green: float, blue: float) -> Rgb:
    """CIE Lab of a device that shows everything warmer."""
    return lab_of_light(red**1.8, (0.9 * green) ** 1.8, (0.7 * blue) ** 1.8)


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(each * 65536) for each in values))


def _curve(gamma: float | Sequence[float]) -> bytes:
    if isinstance(gamma, (int, float)):
        return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    return b"para\0\0\0\0" + struct.pack(">HH5i", 3, 0, *(round(each * 65536) for each in gamma))


def _profile(
    space: bytes, connection: bytes, tags: list[tuple[bytes, bytes]], *, kind: bytes = b"mntr"
) -> bytes:
    words = b"desc\0\0\0\0" + struct.pack(">I", 6) + b"drawn\0" + bytes(78)
    tags = [(b"desc", words), (b"cprt", b"text\0\0\0\0none\0"), *tags]
    listed, body = struct.pack(">I", len(tags)), b""
    start = 132 + 12 * len(tags)
    for name, content in tags:
        listed += struct.pack(">4sII", name, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = start + len(body)
    head = struct.pack(
        ">I4xI4s4s4s6H4s28x",
        size,
        0x02400000,
        kind,
        space,
        connection,
        2026,
        1,
        1,
        0,
        0,
        0,
        b"acsp",
    )
    head += struct.pack(">3i", *(round(each * 65536) for each in D50))
    return head.ljust(128, b"\0") + listed + body
