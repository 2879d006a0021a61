"""The wait in a `Prefer` header."""

import pytest

from api.jobs.long_poll import preferred_wait


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("respond-async", 0),
        ("wait=10", 10),
        ("WAIT=10", 10),
        ('wait="10"', 10),
        ("wait = 10", 10),
        ("respond-async, wait=10", 10),
        ("respond-async; wait=10", 10),
        ("wait=10, respond-async", 10),
        ("wait=999", 60),
        ("wait=0", 0),
        ("wait=-5", 0),
        ("wait=abc", 0),
        ("wait", 0),
        ("await=10", 0),
        ("x-wait=10", 0),
        ("wait=99999999999999999999", 60),
    ],
)
def test_a_preferred_wait_is_read_and_bounded(header: str | None, seconds: float) -> None:
    assert preferred_wait(header, longest=60) == seconds
