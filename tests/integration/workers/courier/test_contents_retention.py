"""The contents of jobs with a time of their own are removed when it is over, and nothing else."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from db.artifacts import inputs as stored_inputs
from db.artifacts import retention as expiry
from db.artifacts import uploads
from db.artifacts.uploads import NewUpload
from db.core.session import Database
from db.operators import jobs as operator_jobs
from db.operators import tiers
from db.operators.audit import Actor
from db.storage.keys import input_key, results_prefix
from db.tables import Job
from db.values.job_state import JobState
from tests.support.jobs import (
    add_tenant,
    add_tier,
    assert_everything_holds,
    cancel,
    claim,
    fail,
    fence_of,
    found,
    let_expire,
    sql,
    submit,
)
from tests.support.jobs import expire as expire_job
from tests.support.station import FLORENCE2, FLUX, Station, picture
from tests.support.waiting import await_true
from workers import catalog
from workers.courier.retention import RemovalReport, Retention
from workers.messaging.events import stream_key
from workers.messaging.queue import redis_client

KEEP = 600
OPERATOR = Actor("key_1", "ops", "req_1")


@pytest.fixture
def retention(station: Station) -> Retention:
    return Retention(
        station.database, station.store, station.settings, station.publisher.remove_events
    )


def kept(station: Station, tenant_id: str, variant: str = FLUX, **changes: Any) -> str:
    """A queued job with a time of its own, and words to look for."""
    given = {FLUX: {"prompt": "a red circle", "seed": 7}, FLORENCE2: {"task": "<OD>"}}[variant]
    row = catalog.find(variant)
    parameters = row.parameters.model_validate(given | changes.pop("input", {}))
    values = {
        "variant": variant,
        "input": parameters.model_dump(mode="json"),
        "batch_key": row.batch_key(parameters),
        "unit_kind": row.unit_kind,
        "metadata": {"order": "17"},
        "keep_seconds": KEEP,
    }
    return submit(station.database, tenant_id, **(values | changes))


def ended_ago(database: Database, job_id: str, seconds: float) -> None:
    sql(
        database,
        "UPDATE jobs SET finished_at = now() - make_interval(secs => :s) WHERE id = :id",
        s=seconds,
        id=job_id,
    )


def is_empty(job: Job) -> bool:
    return (job.input, job.job_metadata, job.output) == ({}, {}, None)


def sent_picture(station: Station, tenant_id: str, *, is_upload: bool = False) -> str:
    """A picture that was sent with a job, or uploaded before; its key."""
    key = input_key(tenant_id, "ab")
    with station.database.autocommit() as session:
        stored_inputs.record_use(session, key, size_bytes=100)
    station.store.put(key, picture(), "image/png")
    with station.database.transaction() as session:
        new = NewUpload(key, "image/png", 40, 30, 100, "ab")
        uploads.add(session, tenant_id, new, is_upload=is_upload)
    return key


def test_contents_go_when_their_time_is_over_and_the_bill_stays(
    station: Station, retention: Retention, tenant_id: str
) -> None:
    job_id = kept(station, tenant_id)
    station.run_batch()
    [(lifetime,)] = sql(
        station.database, "SELECT extract(epoch FROM expires_at - created_at)::float FROM artifacts"
    )
    assert lifetime == KEEP
    ended_ago(station.database, job_id, KEEP - 5)
    assert retention.run_once() == RemovalReport()
    assert station.stored_keys()
    ended_ago(station.database, job_id, KEEP + 1)
    assert retention.run_once() == RemovalReport(contents=1)
    assert station.stored_keys() == []
    assert is_empty(found(station.database, job_id))
    assert sql(station.database, "SELECT job_id FROM usage_events") == [(job_id,)]
    assert retention.run_once() == RemovalReport()
    assert_everything_holds(station.database)


@pytest.mark.parametrize("ending", ["failed", "canceled", "canceled_while_it_ran", "expired"])
def test_however_a_job_ends_its_contents_go(
    station: Station, retention: Retention, tenant_id: str, ending: str
) -> None:
    job_id = kept(station, tenant_id)
    if ending in ("failed", "canceled_while_it_ran"):
        [job] = claim(station.database)
        assert ending != "failed" or fail(station.database, fence_of(job))
    if ending.startswith("canceled"):
        assert cancel(station.database, job_id)
    if ending == "expired":
        let_expire(station.database, job_id)
        assert expire_job(station.database, job_id)
    assert retention.run_once() == RemovalReport()
    ended_ago(station.database, job_id, KEEP + 1)
    assert retention.run_once() == RemovalReport(contents=1)
    assert is_empty(found(station.database, job_id))


@pytest.mark.parametrize("runs", [False, True])
def test_a_job_that_is_not_over_keeps_its_contents(
    station: Station, retention: Retention, tenant_id: str, *, runs: bool
) -> None:
    job_id = kept(station, tenant_id)
    if runs:
        claim(station.database)
    sql(station.database, "UPDATE jobs SET created_at = now() - interval '2 years'")
    assert retention.run_once() == RemovalReport()
    assert not is_empty(found(station.database, job_id))


def test_a_job_without_a_time_keeps_its_contents_as_long_as_its_row(
    station: Station, retention: Retention, tenant_id: str
) -> None:
    job_id = kept(station, tenant_id, keep_seconds=None)
    station.run_batch()
    ended_ago(station.database, job_id, 300 * 86_400)
    assert retention.run_once() == RemovalReport()
    assert found(station.database, job_id).job_metadata == {"order": "17"}


def test_the_tiers_time_is_the_jobs_and_the_shorter_one_counts(station: Station) -> None:
    tenant_id = add_tenant(station.database, keep_seconds=3600)
    asked = [None, KEEP, 7200]
    jobs = [kept(station, tenant_id, keep_seconds=seconds) for seconds in asked]
    assert [found(station.database, job).keep_seconds for job in jobs] == [3600, KEEP, 3600]


def test_a_job_keeps_the_time_that_it_was_submitted_with(
    station: Station, retention: Retention, tenant_id: str
) -> None:
    first = kept(station, tenant_id, keep_seconds=None)
    other = add_tier(station.database, "short", keep_seconds=KEEP)
    with station.database.transaction() as session:
        tiers.move_tenant(session, OPERATOR, tenant_id, other)
    second = kept(station, tenant_id, keep_seconds=None)
    for job_id in (first, second):
        assert cancel(station.database, job_id)
        ended_ago(station.database, job_id, KEEP + 1)
    assert retention.run_once() == RemovalReport(contents=1)
    assert [is_empty(found(station.database, job)) for job in (first, second)] == [False, True]


def test_a_retry_has_the_time_of_the_first_job_and_outlives_it(
    station: Station, retention: Retention, tenant_id: str
) -> None:
    key = sent_picture(station, tenant_id)
    first = kept(station, tenant_id, FLORENCE2, input={"image": key})
    [job] = claim(station.database, variant=FLORENCE2)
    assert fail(station.database, fence_of(job))
    with station.database.transaction() as session:
        accepted = operator_jobs.retry(session, OPERATOR, first)
        assert accepted is not None
        retried = accepted.job.id
    ended_ago(station.database, first, KEEP + 1)
    assert retention.run_once() == RemovalReport(contents=1)
    assert is_empty(found(station.database, first))
    again = found(station.database, retried)
    assert (again.keep_seconds, again.input["image"]) == (KEEP, key)
    assert station.stored_keys() == [key]
    with station.database.transaction() as session:
        assert operator_jobs.retry(session, OPERATOR, first) is None


def test_a_picture_that_was_sent_with_a_job_goes_with_it(
    station: Station, retention: Retention, tenant_id: str
) -> None:
    key = sent_picture(station, tenant_id)
    job_id = kept(station, tenant_id, FLORENCE2, input={"image": key})
    assert cancel(station.database, job_id)
    ended_ago(station.database, job_id, KEEP + 1)
    assert retention.run_once() == RemovalReport(contents=1)
    assert station.stored_keys() == []
    assert sql(station.database, "SELECT count(*) FROM files, stored_inputs") == [(0,)]


def test_an_upload_stays_when_its_job_goes(
    station: Station, retention: Retention, tenant_id: str
) -> None:
    key = sent_picture(station, tenant_id, is_upload=True)
    job_id = kept(station, tenant_id, FLORENCE2, input={"image": key})
    assert cancel(station.database, job_id)
    ended_ago(station.database, job_id, KEEP + 1)
    assert retention.run_once() == RemovalReport(contents=1)
    assert is_empty(found(station.database, job_id))
    assert station.stored_keys() == [key]


def test_a_picture_of_several_jobs_goes_with_the_last_one(
    station: Station, retention: Retention, tenant_id: str
) -> None:
    key = sent_picture(station, tenant_id)
    first = kept(station, tenant_id, FLORENCE2, input={"image": key})
    sql(station.database, "UPDATE stored_inputs SET used_at = now() - interval '2 h'")
    sql(station.database, "UPDATE jobs SET created_at = now() - interval '2 h'")
    assert sent_picture(station, tenant_id) == key
    second = kept(station, tenant_id, FLORENCE2, input={"image": key})
    assert cancel(station.database, first)
    assert cancel(station.database, second)
    ended_ago(station.database, first, KEEP + 1)
    assert retention.run_once() == RemovalReport(contents=1)
    assert station.stored_keys() == [key]
    ended_ago(station.database, second, KEEP + 1)
    assert retention.run_once() == RemovalReport(contents=1)
    assert station.stored_keys() == []


def test_two_couriers_share_the_work(
    station: Station, retention: Retention, tenant_id: str
) -> None:
    jobs = [kept(station, tenant_id) for _ in range(20)]
    for job_id in jobs:
        assert cancel(station.database, job_id)
        ended_ago(station.database, job_id, KEEP + 1)
    with ThreadPoolExecutor(2) as pool:
        reports = [pool.submit(retention.run_once), pool.submit(retention.run_once)]
        assert sum(report.result().contents for report in reports) == len(jobs)
    assert all(is_empty(found(station.database, job_id)) for job_id in jobs)


def test_a_job_that_another_transaction_has_is_left_for_the_next_time(
    station: Station, retention: Retention, tenant_id: str
) -> None:
    job_id = kept(station, tenant_id)
    assert cancel(station.database, job_id)
    ended_ago(station.database, job_id, KEEP + 1)
    with station.database.transaction() as session:
        assert expiry.lock_job_with_expired_contents(session, job_id)
        assert retention.run_once() == RemovalReport()
    assert await_true(lambda: retention.run_once() == RemovalReport(contents=1))


def test_the_search_for_expired_contents_uses_its_index(
    station: Station, owner_database: Database, tenant_id: str
) -> None:
    kept(station, tenant_id)
    job_id = kept(station, tenant_id, keep_seconds=None)
    sql(
        owner_database,
        "INSERT INTO jobs SELECT (jsonb_populate_record(jobs, jsonb_build_object("
        "'id', 'job_' || n, 'state', 'canceled', 'finished_at', now()))).*"
        " FROM jobs, generate_series(1, 3000) n WHERE id = :id",
        id=job_id,
    )
    sql(owner_database, "ANALYZE jobs")
    with station.database.transaction() as session:
        connection = session.connection()
        statement = expiry.EXPIRED_CONTENTS.limit(200).compile(
            dialect=connection.dialect, compile_kwargs={"literal_binds": True}
        )
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}").scalars())
    assert "on ix_jobs_kept" in plan or "using ix_jobs_kept" in plan, plan
    assert "Seq Scan" not in plan, plan


def test_events_and_the_results_of_lost_attempts_go_with_the_contents(
    station: Station, retention: Retention, tenant_id: str
) -> None:
    job_id = kept(station, tenant_id)
    job = found(station.database, job_id)
    lost = results_prefix(tenant_id, job.created_at.date(), job_id) + "9-0.png"
    station.store.put(lost, picture(), "image/png")
    station.publisher.publish_state(job_id, JobState.QUEUED, attempt=0)
    cancel(station.database, job_id, tenant_id)
    ended_ago(station.database, job_id, KEEP + 1)
    assert retention.run_once().contents == 1
    assert not list(station.store.list(lost))
    with redis_client(station.settings) as redis:
        assert not redis.exists(stream_key(job_id))
