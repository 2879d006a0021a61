"""ICC profiles of colour spaces that a file names by numbers."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from db.values.imaging.source import CodePoints, GammaPrimaries

Matrix: TypeAlias = Sequence[Sequence[float]]

D65 = (0.3127, 0.3290)
_D50 = (0.9642, 1.0, 0.8249)
_SRGB = (*D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_SRGB_GAMMA = GammaPrimaries(0.45455)
"""Programs that mean sRGB write it, and browsers know that."""
_POINTS = 1024
_FULL = 65535
_MOST = 2**31 - 1

# ITU-T H.273, table 2: chromaticities of white, red, green and blue.
_PRIMARIES = {
    1: _SRGB,
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    8: (0.310, 0.316, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    10: (1 / 3, 1 / 3, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}


@dataclass(frozen=True)
class Power:
    """A curve from samples to light: (a * sample + b) ** g from d on, and c * sample below."""

    g: float
    a: float = 1
    b: float = 0
    c: float = 0
    d: float = 0

    def packed(self) -> bytes:
        """The curve as a profile has it."""
        values = (self.g, self.a, self.b, self.c, self.d)
        return b"para\0\0\0\0" + struct.pack(">HH5i", 3, 0, *(_fixed(each) for each in values))


@dataclass(frozen=True)
class Shown:
    """A curve of more light than a screen has, by what browsers make of it.

    Attributes:
        levels: of sRGB, for samples from black to white in equal steps; measured in Chromium.
    """

    levels: tuple[int, ...]

    def packed(self) -> bytes:
        """The curve as a profile has it."""
        points = [_light_of(self._level(n / (_POINTS - 1))) for n in range(_POINTS)]
        values = (round(each * _FULL) for each in points)
        return b"curv\0\0\0\0" + struct.pack(f">I{_POINTS}H", _POINTS, *values)

    def _level(self, sample: float) -> float:
        place = sample * (len(self.levels) - 1)
        n = min(int(place), len(self.levels) - 2)
        return self.levels[n] + (place - n) * (self.levels[n + 1] - self.levels[n])


Curve: TypeAlias = Power | Shown

_SRGB_CURVE = Power(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
# Browsers show these as the screens do that they are made for.
_TELEVISION = Power(2.4)
_PQ = Shown((0, 1, 5, 15, 30, 48, 70, 98, 132, 175, 213, 237, 255, 255, 255, 255, 255))
_HLG = Shown((0, 3, 14, 29, 43, 57, 71, 85, 99, 115, 135, 160, 189, 212, 228, 243, 255))

# ITU-T H.273, table 3.
_TRANSFERS: dict[int, Curve] = {
    1: _TELEVISION,
    4: Power(2.2),
    5: Power(2.8),
    6: _TELEVISION,
    7: Power(1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0912),
    8: Power(1),
    11: _TELEVISION,
    13: _SRGB_CURVE,
    14: _TELEVISION,
    15: _TELEVISION,
    16: _PQ,
    17: Power(2.6, (52.37 / 48) ** (1 / 2.6)),
    18: _HLG,
}


def profile_of(space: CodePoints | GammaPrimaries) -> bytes | None:
    """An ICC profile of a colour space; None for one that is unknown, or sRGB's."""
    if space == _SRGB_GAMMA:
        return None
    if isinstance(space, GammaPrimaries):
        return matrix_profile(space.xy or _SRGB, Power(1 / space.gamma))
    primaries, curve = _PRIMARIES.get(space.primaries), _TRANSFERS.get(space.transfer)
    if primaries is None or curve is None or (primaries, curve) == (_SRGB, _SRGB_CURVE):
        return None
    return matrix_profile(primaries, curve)


def matrix_profile(xy: Sequence[float], curve: Curve) -> bytes | None:
    """An ICC profile of three primaries and a curve; None for chromaticities that are no space."""
    try:
        columns = _columns(xy)
    except ZeroDivisionError:
        return None
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    tags = [(b"wtpt", _xyz(_D50)), *zip(names, map(_xyz, columns), strict=True)]
    packed = curve.packed()
    return _packed([*tags, *((name, packed) for name in (b"rTRC", b"gTRC", b"bTRC"))])


def _light_of(level: float) -> float:
    sample = level / 255
    curve = _SRGB_CURVE
    return curve.c * sample if sample < curve.d else (curve.a * sample + curve.b) ** curve.g


def _columns(xy: Sequence[float]) -> list[tuple[float, ...]]:
    """XYZ of the primaries at full strength, as seen under D50."""
    white = [each / xy[1] for each in _xyz_of(xy[0], xy[1])]
    primaries = [_xyz_of(xy[n], xy[n + 1]) for n in (2, 4, 6)]
    strengths = _product(_inverse(_transposed(primaries)), white)
    adapted = _adaptation(white)
    return [
        tuple(_product(adapted, [strength * each for each in primary]))
        for strength, primary in zip(strengths, primaries, strict=True)
    ]


_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


def _adaptation(white: Sequence[float]) -> Matrix:
    """Bradford's matrix from a white to D50."""
    ours, theirs = _product(_BRADFORD, _D50), _product(_BRADFORD, white)
    scaled = [
        [a / b * each for each in row] for a, b, row in zip(ours, theirs, _BRADFORD, strict=True)
    ]
    back = _inverse(_BRADFORD)
    return _transposed([_product(back, column) for column in _transposed(scaled)])


def _xyz_of(x: float, y: float) -> tuple[float, float, float]:
    return (x, y, 1 - x - y)


def _fixed(value: float) -> int:
    return max(-_MOST, min(_MOST, round(value * 65536)))


def _transposed(rows: Matrix) -> Matrix:
    return list(zip(*rows, strict=True))


def _product(rows: Matrix, column: Sequence[float]) -> list[float]:
    return [sum(a * b for a, b in zip(row, column, strict=True)) for row in rows]


def _inverse(rows: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = rows
    minors = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    determinant = a * minors[0][0] + b * minors[1][0] + c * minors[2][0]
    return [[each / determinant for each in row] for row in minors]


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *map(_fixed, values))


def _packed(tags: Sequence[tuple[bytes, bytes]]) -> bytes:
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags:
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = start + len(body)
    head = struct.pack(">I4xI4s4s4s12x4s28x", size, 0x02400000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    head += struct.pack(">3i", *map(_fixed, _D50))
    return head.ljust(128, b"\0") + table + body
