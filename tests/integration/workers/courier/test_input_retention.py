"""Unused inputs are removed after a time; inputs that an unfinished job may need never are."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from db.artifacts import inputs as stored_inputs
from db.artifacts import uploads as files
from db.artifacts.uploads import NewUpload
from db.core.session import Database
from db.operators import jobs as operator_jobs
from db.operators.audit import Actor
from db.storage.keys import input_key
from tests.support.jobs import cancel, claim, fail, fence_of, sql
from tests.support.station import Station, picture
from tests.support.waiting import await_true
from workers.courier.retention import RemovalReport, Retention

KEEP = 30 * 24 * 3600


@pytest.fixture
def retention(station: Station) -> Retention:
    return Retention(
        station.database, station.store, station.settings, station.publisher.remove_events
    )


def upload(station: Station, tenant_id: str, sha256: str = "ab") -> tuple[str, str]:
    """Store a picture as an upload does; return its key and its file's id."""
    key = input_key(tenant_id, sha256)
    with station.database.autocommit() as session:
        stored_inputs.record_use(session, key, size_bytes=100)
    station.store.put(key, picture(), "image/png")
    stored = NewUpload(key, "image/png", 40, 30, 100, sha256)
    with station.database.transaction() as session:
        return key, files.add(session, tenant_id, stored).id


def used_days_ago(database: Database, days: int) -> None:
    sql(database, "UPDATE stored_inputs SET used_at = now() - make_interval(days => :d)", d=days)


def file_is_known(database: Database, tenant_id: str, file_id: str) -> bool:
    with database.transaction() as session:
        return files.find(session, tenant_id=tenant_id, file_id=file_id) is not None


def test_what_nobody_used_for_long_goes_with_its_uploads_row(
    station: Station, retention: Retention, tenant_id: str
) -> None:
    old, old_file = upload(station, tenant_id, "ab")
    used_days_ago(station.database, 31)
    fresh, fresh_file = upload(station, tenant_id, "cd")
    assert retention.run_once() == RemovalReport(inputs=1)
    assert station.stored_keys() == [fresh]
    assert not file_is_known(station.database, tenant_id, old_file)
    assert file_is_known(station.database, tenant_id, fresh_file)
    assert upload(station, tenant_id, "ab")[0] == old
    assert retention.run_once() == RemovalReport()


def test_however_short_results_are_kept_a_new_input_stays(station: Station, tenant_id: str) -> None:
    key, _ = upload(station, tenant_id)
    short = station.settings.model_copy(update={"result_keep_seconds": 0.001})
    assert (
        Retention(
            station.database, station.store, short, station.publisher.remove_events
        ).run_once()
        == RemovalReport()
    )
    assert station.stored_keys() == [key]


@pytest.mark.parametrize("runs", [False, True])
def test_a_job_that_is_not_over_keeps_its_input_however_old(
    station: Station, retention: Retention, tenant_id: str, *, runs: bool
) -> None:
    key, _ = upload(station, tenant_id)
    job_id = station.submit(tenant_id, "florence-2-demo", image=key)
    if runs:
        assert claim(station.database, variant="florence-2-demo")
    sql(station.database, "UPDATE jobs SET created_at = now() - interval '40 days'")
    used_days_ago(station.database, 40)
    assert retention.run_once() == RemovalReport()
    assert station.store.get(key).data
    cancel(station.database, job_id)
    assert retention.run_once() == RemovalReport(inputs=1)


def test_what_lay_in_the_store_before_has_its_time_from_when_it_came(
    station: Station, tenant_id: str
) -> None:
    key = input_key(tenant_id, "ab")
    station.store.put(key, picture(), "image/png")
    tomorrow = datetime.now(UTC) + timedelta(days=2)
    later = Retention(
        station.database, station.store, station.settings, station.publisher.remove_events
    )
    assert later.run_once(now=tomorrow) == RemovalReport()
    ((noted, used_at),) = sql(station.database, "SELECT key, used_at FROM stored_inputs")
    assert noted == key
    assert abs((used_at - datetime.now(UTC)).total_seconds()) < 120
    used_days_ago(station.database, 31)
    assert later.run_once() == RemovalReport(inputs=1)


def test_whoever_uses_what_is_being_removed_waits_and_stores_it_anew(
    station: Station, tenant_id: str
) -> None:
    database = station.database
    key, file_id = upload(station, tenant_id)
    used_days_ago(database, 31)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as session:
            before = stored_inputs.removal_cutoff(session, seconds=KEEP)
            assert stored_inputs.lock_unused(session, key, before=before)
            again = pool.submit(upload, station, tenant_id)
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            assert await_true(lambda: sql(database, waits) == [(1,)])
            station.store.delete(key)
            stored_inputs.remove(session, key)
        stored_again, new_file = again.result(30)
    assert stored_again == key
    assert new_file != file_id
    assert station.store.get(key).data == picture()
    with database.transaction() as session:
        assert not stored_inputs.lock_unused(session, key, before=before)


def test_a_job_done_again_keeps_the_inputs_of_the_first(
    station: Station, retention: Retention, tenant_id: str
) -> None:
    key, _ = upload(station, tenant_id)
    station.submit(tenant_id, "florence-2-demo", image=key)
    held = fence_of(claim(station.database, variant="florence-2-demo")[0])
    assert fail(station.database, held)
    used_days_ago(station.database, 31)
    with station.database.transaction() as session:
        assert operator_jobs.retry(session, Actor("key_me", "me"), held.job_id)
    assert retention.run_once() == RemovalReport()
    assert station.store.get(key).data
