"""Regions of a picture: to the model's bins and back."""

from hypothesis import given
from hypothesis import strategies as st

from workers.catalog.florence2.region import as_tokens, from_bins

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
