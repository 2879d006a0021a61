"""The rows of the audit log's table."""

import pytest

from api.web.dashboard.audit_rows import Change, changes


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, []),
        ({"paused": False}, {"paused": True}, [Change("paused", "false", "true")]),
        (
            {"balance_micros": 0},
            {"balance_micros": 12_500_000, "reference": "invoice 7"},
            [Change("balance", "$0.00", "$12.50"), Change("reference", "–", "invoice 7")],  # noqa: RUF001
        ),
        (
            {"requests_per_minute": 3000},
            {"requests_per_minute": None},
            [Change("requests_per_minute", "3000", "–")],  # noqa: RUF001
        ),
    ],
)
def test_changes_are_listed_name_by_name(
    before: dict[str, object], after: dict[str, object], expected: list[Change]
) -> None:
    assert changes(before, after) == expected
