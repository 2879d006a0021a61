"""Regions of a picture: to the model's bins and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from workers.catalog.florence2.region import as_bins, as_tokens, from_bins, refuse_unreadable

SIDES = st.integers(1, 10_000)
BINS = st.integers(0, 999)


@given(st.tuples(SIDES, SIDES), st.tuples(BINS, BINS, BINS, BINS))
def test_a_region_of_bins_has_the_same_bins_again(
    size: tuple[int, int], bins: tuple[int, int, int, int]
) -> None:
    left, top, right, bottom = from_bins(bins, size)
    assert 0 <= left <= size[0]
    assert 0 <= bottom <= size[1]
    written = "".join(f"<loc_{number}>" for number in bins)
    assert as_tokens((left, top, right, bottom), size) == written


Corners = tuple[float, float, float, float]


@pytest.mark.parametrize(
    ("region", "size", "told"),
    [
        ((0.1, 0.1, 0.6, 0.7), (192, 160), "at least 1 x 1 in this picture; give pixels, not sh"),
        ((0, 0, 1, 0.5), (192, 160), "give pixels, not shares of its 192 x 160"),
        ((10.2, 5, 10.9, 90), (192, 160), "0.7 x 85 pixels"),
        ((100, 100, 103, 104), (5000, 5000), "at least 6 x 6"),
        ((3, 13, 2000, 17), (4000, 6000), "at least 5 x 7"),
        ((999, 0, 1000, 700), (1000, 800), "at least 2 x 1"),
        ((9995, 0, 10_000, 9), (10_000, 64), "at least 11 x 1"),
    ],
)
def test_a_region_without_area_to_the_model_is_refused_with_the_least_size(
    region: Corners, size: tuple[int, int], told: str
) -> None:
    with pytest.raises(ValidationError, match=r"smaller than the model can be told") as caught:
        refuse_unreadable(region, size)
    (error,) = caught.value.errors()
    assert (error["loc"], error["type"]) == (("region",), "region_too_small")
    assert told in error["msg"]


@given(
    st.tuples(SIDES, SIDES),
    st.tuples(st.floats(0, 0.99), st.floats(0, 0.99)),
)
def test_a_region_of_the_least_size_has_an_area_to_the_model(
    size: tuple[int, int], corner: tuple[float, float]
) -> None:
    wide, high = (side // 1000 + 1 for side in size)
    x, y = corner[0] * (size[0] - wide), corner[1] * (size[1] - high)
    region = (x, y, x + wide, y + high)
    if x + wide - x < 1 or y + high - y < 1:
        return  # rounding of the test's own numbers
    refuse_unreadable(region, size)
    left, top, right, bottom = as_bins(region, size)
    assert left < right
    assert top < bottom
