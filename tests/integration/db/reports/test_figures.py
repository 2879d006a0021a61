"""The dashboard's figures, from real rows: what is of now, of the window, of today."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from db.core.session import Database
from db.reports.revenue import RunningRevenue, _Closed
from db.reports.series import queue_curves
from db.reports.tenants import list_summaries
from db.reports.window import Revenue, failures_by_code, queue_windows, revenue_today
from db.values.job_state import JobState
from tests.support.jobs import (
    BROKEN,
    PRICE,
    VARIANT,
    add_tenant,
    cancel,
    complete,
    fail,
    running,
    sql,
    state,
    stored,
    submit,
)

HOUR = timedelta(hours=1)
LONG_AGO = """
UPDATE jobs SET created_at = created_at - interval '3 hours',
    started_at = started_at - interval '3 hours', finished_at = finished_at - interval '3 hours'
WHERE id = :id RETURNING id"""


def test_what_is_of_the_window_leaves_out_what_came_before(
    database: Database, tenant_id: str
) -> None:
    before, done, broken = (running(database, tenant_id) for _ in range(3))
    for held in (before, done):
        assert complete(database, held, stored(held))
    assert fail(database, broken)
    sql(database, LONG_AGO, id=before.job_id)
    assert cancel(database, submit(database, tenant_id))
    submit(database, tenant_id)
    with database.transaction() as session:
        (row,) = queue_windows(session, HOUR)
        assert (row.variant, row.arrived, row.succeeded, row.failed) == (VARIANT, 4, 1, 1)
        assert row.wait_p50 is not None
        assert row.run_p95 is not None
        assert failures_by_code(session, HOUR) == [(BROKEN.code, 1)]
        assert queue_windows(session, timedelta(seconds=0)) == []
        curves = queue_curves(session, window=HOUR, steps=6)
    own = curves.queues[VARIANT]
    assert (sum(own.arrived), sum(own.finished), sum(own.failed)) == (4, 1, 1)
    assert own.waiting[-1] == 1
    assert own.waiting[0] == 0
    assert len(curves.starts) == 6
    assert json.dumps(own.longest_wait_seconds)  # as a page's script reads them


def test_what_was_charged_today_is_what_was_settled(database: Database) -> None:
    free = add_tenant(database)
    paying = add_tenant(database, credit_micros=10 * PRICE, images_per_month=0)
    for tenant_id in (free, paying):
        held = running(database, tenant_id)
        assert complete(database, held, stored(held))
        assert state(database, held.job_id) == JobState.SUCCEEDED
    with database.transaction() as session:
        revenue = revenue_today(session)
        summaries = {row.id: row for row in list_summaries(session, days=30)}
    assert (revenue.images, revenue.revenue_micros) == (2, PRICE)
    assert (summaries[paying].jobs, summaries[paying].spent_micros) == (1, PRICE)
    assert (summaries[free].jobs, summaries[free].spent_micros) == (1, 0)
    assert next(iter(summaries)) == paying


@pytest.mark.parametrize("late", [timedelta(0), timedelta(minutes=10)])
def test_revenue_kept_up_to_date_equals_revenue_summed_anew(
    database: Database, late: timedelta
) -> None:
    paying = add_tenant(database, credit_micros=10 * PRICE, images_per_month=0)
    kept = RunningRevenue(late)

    def agreed() -> Revenue:
        with database.autocommit() as session:
            told = kept.read(session)
            assert told == revenue_today(session)
            return told

    assert agreed() == Revenue(0, 0)
    for n in (1, 2, 3):
        held = running(database, paying)
        assert complete(database, held, stored(held))
        assert agreed() == Revenue(n, n * PRICE)
        assert agreed() == Revenue(n, n * PRICE)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    kept._closed = _Closed(yesterday, yesterday, Revenue(7, 7))
    assert agreed() == Revenue(3, 3 * PRICE)


@pytest.mark.parametrize("steps", [1, 60])
def test_a_queue_without_a_past_has_a_flat_curve(
    database: Database, tenant_id: str, steps: int
) -> None:
    submit(database, tenant_id)
    with database.transaction() as session:
        own = queue_curves(session, window=HOUR, steps=steps).queues[VARIANT]
    assert own.waiting[-1] == 1
    assert sum(own.arrived) == 1
    assert own.finished == [0] * steps
