"""Ranges of bytes, of a representation of ten."""

import pytest

from api.core.protocol.ranges import UnsatisfiableRangeError, byte_range

SIZE = 10


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("bytes=0-3", range(4)),
        ("bytes=0-0", range(1)),
        ("bytes=4-", range(4, 10)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-99", range(10)),
        ("Bytes = 8-99 ", range(8, 10)),
        ("bytes=9-", range(9, 10)),
        ("bytes=5-4", None),
        ("bytes=0-1,4-5", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("items=0-3", None),
        ("bytes=٣-", None),
    ],
)
def test_a_range_is_read(header: str, found: range | None) -> None:
    assert byte_range(header, SIZE) == found


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_a_range_behind_the_end_has_no_byte(header: str) -> None:
    with pytest.raises(UnsatisfiableRangeError):
        byte_range(header, SIZE)
