"""Retention removes expired data, and nothing else."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from db.core.base import first_id
from db.core.session import Database
from db.jobs.queries import artifact_keys, artifacts_of
from db.storage.local import LocalStore
from tests.support.jobs import add_tenant, cancel, counts, expire, found, let_expire, sql, submit
from tests.support.station import Station
from workers.courier.retention import RemovalReport, Retention

LATER = timedelta(days=2)


@pytest.fixture
def retention(station: Station) -> Retention:
    keep = station.settings.model_copy(update={"job_keep_seconds": 3600})
    return Retention(station.database, station.store, keep, station.publisher.remove_events)


@pytest.fixture
def done(station: Station, tenant_id: str) -> str:
    """A job that succeeded, with one result."""
    job_id = station.submit(tenant_id)
    station.run_batch()
    return job_id


def let_results_expire(database: Database) -> None:
    sql(database, "UPDATE artifacts SET expires_at = now() - interval '1 s'")


def let_jobs_be_old(database: Database) -> None:
    sql(database, "UPDATE jobs SET finished_at = now() - interval '2 h' WHERE finished_at NOTNULL")


def test_an_expired_result_goes_and_its_row_stays(
    station: Station, retention: Retention, done: str
) -> None:
    assert retention.run_once() == RemovalReport()
    assert len(station.stored_keys()) == 1
    let_results_expire(station.database)
    assert retention.run_once() == RemovalReport(results=1)
    assert station.stored_keys() == []
    assert retention.run_once() == RemovalReport()
    with station.database.transaction() as session:
        (row,) = artifacts_of(session, [done])[done]
        assert row.removed_at is not None
        assert artifact_keys(session, after="", limit=10) == []


def test_a_crash_between_object_and_row_is_made_good(
    station: Station, retention: Retention, done: str
) -> None:
    let_results_expire(station.database)
    (key,) = station.stored_keys()
    station.store.delete(key)
    assert retention.run_once() == RemovalReport(results=1)
    assert found(station.database, done).state == "succeeded"


@pytest.mark.usefixtures("done")
def test_an_object_without_a_row_goes_once_it_is_old(
    station: Station, retention: Retention, store: LocalStore
) -> None:
    (kept,) = station.stored_keys()
    store.put("results/ten_x/2026-01-01/job_x/1/0.png", b"lost", "image/png")
    store.put("inputs/ten_x/abc", b"an input", "image/png")
    assert retention.run_once() == RemovalReport()
    assert Retention(
        station.database, store, station.settings, station.publisher.remove_events
    ).run_once(now=datetime.now(UTC) + LATER) == RemovalReport(orphans=1)
    assert sorted(info.key for info in store.list("")) == ["inputs/ten_x/abc", kept]


def test_an_old_job_goes_when_its_results_are_gone_and_its_bill_stays(
    station: Station, retention: Retention, done: str
) -> None:
    let_jobs_be_old(station.database)
    assert retention.run_once() == RemovalReport()
    let_results_expire(station.database)
    assert retention.run_once() == RemovalReport(results=1, jobs=1)
    assert counts(station.database, "jobs", "artifacts", "attempts", "holds") == [0, 0, 0, 0]
    assert sql(station.database, "SELECT job_id FROM usage_events") == [(done,)]


def test_a_job_that_is_not_over_never_goes(
    station: Station, retention: Retention, tenant_id: str
) -> None:
    waiting, given_up = station.submit(tenant_id), station.submit(tenant_id)
    cancel(station.database, given_up)
    sql(station.database, "UPDATE jobs SET created_at = now() - interval '2 years'")
    let_jobs_be_old(station.database)
    assert retention.run_once() == RemovalReport(jobs=1)
    assert sql(station.database, "SELECT id FROM jobs") == [(waiting,)]


def canceled_days_ago(station: Station, tenant_id: str, days: float) -> str:
    """A job that was submitted and canceled so long ago; its id."""
    job_id = submit(
        station.database, tenant_id, id=first_id("job", time.time() - days * 86_400 - 1)
    )
    cancel(station.database, job_id)
    sql(
        station.database,
        "UPDATE jobs SET finished_at = now() - make_interval(secs => :s) WHERE id = :id",
        s=days * 86_400,
        id=job_id,
    )
    return job_id


def test_a_canceled_job_goes_after_days_and_others_after_a_year(
    station: Station, done: str, tenant_id: str
) -> None:
    canceled_days_ago(station, tenant_id, 8)
    fresh = canceled_days_ago(station, tenant_id, 6)
    expired = submit(station.database, tenant_id, id=first_id("job", time.time() - 20 * 86_400))
    let_expire(station.database, expired)
    assert expire(station.database, expired)
    let_results_expire(station.database)
    sql(
        station.database,
        "UPDATE jobs SET finished_at = now() - interval '8 days' WHERE id IN (:a, :b)",
        a=done,
        b=expired,
    )
    courier = Retention(
        station.database, station.store, station.settings, station.publisher.remove_events
    )
    assert courier.run_once() == RemovalReport(results=1, jobs=2)
    assert {row[0] for row in sql(station.database, "SELECT id FROM jobs")} == {done, fresh}
    assert counts(station.database, "usage_events") == [1]


def test_a_tenant_keeps_a_number_of_canceled_jobs(station: Station, tenant_id: str) -> None:
    settings = station.settings.model_copy(update={"canceled_keep_count": 2})
    days = (5.0, 4.0, 3.0, 2.0)
    oldest, second, *kept = (canceled_days_ago(station, tenant_id, ago) for ago in days)
    other = canceled_days_ago(station, add_tenant(station.database), 6)
    waiting = submit(station.database, tenant_id, id=first_id("job", time.time() - 6 * 86_400))
    # Its end is so new that clients may still ask for it.
    sql(station.database, "UPDATE jobs SET finished_at = now() WHERE id = :id", id=second)
    courier = Retention(station.database, station.store, settings, station.publisher.remove_events)
    assert courier.run_once() == RemovalReport(jobs=1)
    left = {row[0] for row in sql(station.database, "SELECT id FROM jobs")}
    assert left == {second, *kept, other, waiting}
    assert oldest not in left


def test_a_run_removes_batch_after_batch_until_it_is_stopped(
    station: Station, tenant_id: str
) -> None:
    """A tenant may add more in a minute than one batch holds."""
    sql(
        station.database,
        "INSERT INTO stored_inputs (key, used_at, bytes) SELECT 'inputs/' || :id || '/' || n,"
        " now() - interval '40 days', 1 FROM generate_series(1, 410) n",
        id=tenant_id,
    )
    stopped = Retention(
        station.database, station.store, station.settings, station.publisher.remove_events
    )
    stopping = threading.Event()
    stopping.set()
    stopped.run(stopping)
    assert stopped.run_once() == RemovalReport(inputs=200)
    running = Retention(
        station.database, station.store, station.settings, station.publisher.remove_events
    )
    assert running.run_once() == RemovalReport(inputs=210)
    [(left,)] = sql(station.database, "SELECT sum(stored_bytes) FROM tenants")
    assert left == 0
