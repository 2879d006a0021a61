"""Calendar months by UTC."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from db.billing.holds import month_of, next_reset
from db.tenants.tenants import AllowanceLeft


@pytest.mark.parametrize(
    ("moment", "month"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1)),
        (datetime(2026, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC), date(2026, 1, 1)),
        (datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=2))), date(2026, 2, 1)),
        (datetime(2025, 12, 31, 20, tzinfo=timezone(timedelta(hours=-5))), date(2026, 1, 1)),
    ],
)
def test_a_moment_belongs_to_its_month_in_utc(moment: datetime, month: date) -> None:
    assert month_of(moment) == month


@pytest.mark.parametrize("number", range(1, 13))
def test_an_allowance_resets_on_the_first_of_the_next_month(number: int) -> None:
    reset = next_reset(date(2026, number, 1))
    assert reset == datetime(2027 if number == 12 else 2026, number % 12 + 1, 1, tzinfo=UTC)
    assert month_of(reset - timedelta(microseconds=1)) == date(2026, number, 1)


def test_nothing_is_left_rather_than_less_than_nothing() -> None:
    assert AllowanceLeft(granted=10, used=4, held=3).left == 3
    assert AllowanceLeft(granted=5, used=4, held=3).left == 0
