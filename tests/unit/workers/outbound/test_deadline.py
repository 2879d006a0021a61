"""A deadline returns the remaining time, and raises once it has passed."""

import pytest

from workers.outbound import TimedOutError
from workers.outbound.deadline import Deadline


def test_no_more_is_given_out_than_is_left_or_asked_for() -> None:
    deadline = Deadline(30)

    assert 20 < deadline.remaining(100) <= 30
    assert deadline.remaining(0.5) == 0.5


def test_once_it_is_over_nothing_is_given_out() -> None:
    with pytest.raises(TimedOutError, match="not over in 0 s"):
        Deadline(0).remaining(1)
