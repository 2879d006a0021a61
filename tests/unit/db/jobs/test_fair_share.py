"""A job's length in virtual time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.jobs.fair_share import share_of
from db.values.job_state import Priority

positive = st.floats(0.001, 1e6)


@pytest.mark.parametrize(
    ("weight", "priority", "expected"),
    [
        (1.0, Priority.NORMAL, 2.0),
        (4.0, Priority.NORMAL, 0.5),
        (1.0, Priority.HIGH, 1.0),
        (1.0, Priority.LOW, 4.0),
        (16.0, Priority.HIGH, 0.0625),
    ],
)
def test_a_share_is_the_cost_over_weight_and_priority(
    weight: float, priority: Priority, expected: float
) -> None:
    assert share_of(2.0, weight, priority) == expected


@given(positive, positive, positive)
def test_a_heavier_tier_is_charged_less_virtual_time(
    cost: float, weight: float, more: float
) -> None:
    share = share_of(cost, weight, Priority.NORMAL)
    assert 0 < share_of(cost, weight + more, Priority.NORMAL) <= share
