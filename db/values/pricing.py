"""Prices: pure rules that turn a measured job into integer micro-USD.

One micro-USD is 10⁻⁶ US dollars, so $0.014 is 14,000. Amounts never pass through a float.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

PIXELS_PER_MEGAPIXEL = 1024 * 1024
"""One megapixel as the vendor's price list counts it: 1024 x 1024."""

MAX_AMOUNT_MICROS = 10**15
"""The largest amount of a credit, in micro-USD: a billion dollars."""


class UnitKind(StrEnum):
    """The units that a monthly allowance counts."""

    IMAGES = "images"
    ANALYSES = "analyses"


@dataclass(frozen=True)
class Measure:
    """The measure of a job that its price is computed from.

    Attributes:
        units: pictures painted, or analyses (tasks on one picture) made.
        output_pixels: pixels of one painted picture, 0 for an analysis.
        input_pixels: pixels of every reference picture, one entry each.
    """

    units: int
    output_pixels: int = 0
    input_pixels: tuple[int, ...] = ()


class Price(Protocol):
    """A variant's price rule."""

    def amount_micros(self, measure: Measure) -> int:
        """The whole job's price in micro-USD."""
        ...

    def describe(self) -> dict[str, int | str]:
        """The rule as JSON for `/v1/models`."""
        ...


def megapixels(pixels: int) -> int:
    """Pixels as whole megapixels, rounded up; 1024 x 1024 is 1, one pixel more is 2."""
    return -(-pixels // PIXELS_PER_MEGAPIXEL)


@dataclass(frozen=True)
class PerUnit:
    """The same price for each picture or analysis, whatever its size."""

    unit_micros: int

    def amount_micros(self, measure: Measure) -> int:
        """`units * unit`."""
        return measure.units * self.unit_micros

    def describe(self) -> dict[str, int | str]:
        """The rule as JSON."""
        return {"per": "unit", "unit_micros": self.unit_micros, "currency": "USD"}


@dataclass(frozen=True)
class PerMegapixel:
    """The first output megapixel at one price, each further and each input megapixel at another.

    `first + (out_mp - 1) * more + in_mp * more` per picture, megapixels rounded up: the vendor's
    published formula. 1536 x 1024 with first 14,000 and more 1,000 is 2 MP, so 15,000 micro-USD.
    """

    first_micros: int
    more_micros: int

    def amount_micros(self, measure: Measure) -> int:
        """The sum over all pictures; every picture pays for the inputs it is painted from."""
        further = megapixels(measure.output_pixels) - 1 + sum(map(megapixels, measure.input_pixels))
        return measure.units * (self.first_micros + further * self.more_micros)

    def describe(self) -> dict[str, int | str]:
        """The rule as JSON."""
        return {
            "per": "megapixel",
            "first_micros": self.first_micros,
            "more_micros": self.more_micros,
            "currency": "USD",
        }
