"""Prices in whole micro-USD."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.values.pricing import PIXELS_PER_MEGAPIXEL, Measure, PerMegapixel, PerUnit, megapixels

KLEIN = PerMegapixel(first_micros=14_000, more_micros=1_000)
pixel_counts = st.integers(1, 64 * PIXELS_PER_MEGAPIXEL)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [(0, 0), (1, 1), (1024 * 1024, 1), (1024 * 1024 + 1, 2), (1920 * 1080, 2), (2048 * 2048, 4)],
)
def test_megapixels_are_rounded_up(pixels: int, expected: int) -> None:
    assert megapixels(pixels) == expected


def test_a_unit_price_counts_units_whatever_their_size() -> None:
    price = PerUnit(500)
    assert price.amount_micros(Measure(units=3)) == 1_500
    assert price.amount_micros(Measure(units=3, output_pixels=10**8)) == 1_500


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        (Measure(1, 1024 * 1024), 14_000),
        (Measure(1, 1536 * 1024), 15_000),
        (Measure(1, 64 * 64), 14_000),
        (Measure(4, 1536 * 1024), 60_000),
        (Measure(1, 1024 * 1024, (1024 * 1024, 2000 * 1024)), 17_000),
        (Measure(2, 1024 * 1024, (1024 * 1024,)), 30_000),
    ],
)
def test_a_megapixel_price_follows_the_published_formula(measure: Measure, expected: int) -> None:
    assert KLEIN.amount_micros(measure) == expected


@given(pixel_counts, pixel_counts, st.integers(1, 4))
def test_a_larger_picture_never_costs_less(one: int, other: int, units: int) -> None:
    small, large = sorted((one, other))
    cheap = KLEIN.amount_micros(Measure(units, small))
    dear = KLEIN.amount_micros(Measure(units, large))
    assert 0 < cheap <= dear
    assert isinstance(dear, int)


def test_a_price_describes_itself_in_numbers() -> None:
    assert PerUnit(500).describe() == {"per": "unit", "unit_micros": 500, "currency": "USD"}
    assert KLEIN.describe() == {
        "per": "megapixel",
        "first_micros": 14_000,
        "more_micros": 1_000,
        "currency": "USD",
    }
