"""The heartbeat: renews leases, marks lost claims, and survives a database that is down."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from db.core.session import Database
from db.jobs.finish import rescue_job
from db.storage.local import LocalStore
from db.values.surfaces import SurfaceName
from db.webhooks.types import ProgressEvent, Webhook
from db.worker_registry import WorkerReport
from tests.support.adapters import Gate
from tests.support.databases import DatabaseMaker
from tests.support.jobs import (
    VARIANT,
    add_tenant,
    cancel,
    claim,
    complete,
    counts,
    found,
    lose_lease,
    sql,
    state,
    submit,
    submit_many,
)
from tests.support.station import Station
from tests.support.waiting import at_once, await_true
from tests.support.webhooks import claim_deliveries, record
from workers.messaging.events import Publisher
from workers.runtime.active_jobs import ActiveJob, ActiveJobs
from workers.runtime.attempts.webhooks import EVERY_SECONDS
from workers.runtime.heartbeat import Heartbeat
from workers.settings import WorkerSettings

LEASE_SECONDS = 60.0


@dataclass
class Reporter:
    """Reports a worker with a state that a test sets."""

    state: str = "ready"

    def __call__(self) -> WorkerReport:
        """Return the report."""
        return WorkerReport("wrk_1", "box", 7, "cpu", (VARIANT,), self.state)


@pytest.fixture
def active_jobs() -> ActiveJobs:
    """The worker's active jobs."""
    return ActiveJobs()


@pytest.fixture
def reporter() -> Reporter:
    """The worker's reports."""
    return Reporter()


@pytest.fixture
def heartbeat(
    database: Database, active_jobs: ActiveJobs, reporter: Reporter
) -> Iterator[Heartbeat]:
    """A quick heartbeat that is started."""
    beating = Heartbeat(
        database, active_jobs, reporter, every_seconds=0.02, lease_seconds=LEASE_SECONDS
    )
    beating.start()
    yield beating
    beating.stop()


def activate(
    database: Database, active_jobs: ActiveJobs, count: int = 1, lease: float = 5
) -> list[ActiveJob]:
    """Submit jobs, claim them with short leases and activate them."""
    submit_many(database, add_tenant(database), count)
    jobs = [ActiveJob(job) for _ in range(count) for job in claim(database, lease=lease)]
    active_jobs.add(jobs)
    return jobs


def lease_of(database: Database, job: ActiveJob) -> datetime:
    """The end of a job's lease."""
    until = found(database, job.row.id).leased_until
    assert until is not None
    return until


def states_of_worker(database: Database) -> list[str]:
    """The states in the registry of workers."""
    return [row[0] for row in sql(database, "SELECT state FROM workers")]


@pytest.mark.usefixtures("heartbeat")
def test_leases_are_renewed_while_the_job_is_active(
    database: Database, active_jobs: ActiveJobs
) -> None:
    kept, removed = activate(database, active_jobs, 2)
    first = lease_of(database, kept)
    assert await_true(lambda: (lease_of(database, kept) - first).total_seconds() > 30)
    active_jobs.remove(removed)
    second = lease_of(database, kept)
    assert await_true(lambda: lease_of(database, kept) > second)
    dropped = lease_of(database, removed)
    third = lease_of(database, kept)
    assert await_true(lambda: lease_of(database, kept) > third)
    assert lease_of(database, removed) == dropped
    assert not kept.claim_lost.is_set()


@pytest.mark.usefixtures("heartbeat")
def test_progress_is_written(database: Database, active_jobs: ActiveJobs) -> None:
    [job] = activate(database, active_jobs)
    job.progress = (3, 8)

    def written() -> tuple[int, int]:
        row = found(database, job.row.id)
        return row.progress_step, row.progress_steps

    assert await_true(lambda: written() == (3, 8))


def test_the_first_step_is_written_before_the_interval_is_over(
    database: Database, active_jobs: ActiveJobs, reporter: Reporter
) -> None:
    beating = Heartbeat(database, active_jobs, reporter, every_seconds=600, lease_seconds=60)
    beating.start()
    try:
        [job] = activate(database, active_jobs)
        for step in (1, 2):
            job.progress = (step, 8)
            beating.beat_soon()
            assert await_true(lambda: found(database, job.row.id).progress_step == step)  # noqa: B023
    finally:
        beating.stop()


def cancel_it(database: Database, job: ActiveJob) -> None:
    """The owner cancels the job."""
    assert cancel(database, job.row.id)


def take_over(database: Database, job: ActiveJob) -> None:
    """Another worker claims the job before the next beat can renew its lapsed lease."""
    with database.transaction() as session:
        lapse = "UPDATE jobs SET leased_until = now() - interval '1 s' WHERE id = :id"
        session.execute(text(lapse), {"id": job.row.id})
        assert rescue_job(session, job.row.id)
    [again] = claim(database, worker_id="wrk_2")
    assert again.id == job.row.id


@pytest.mark.usefixtures("heartbeat")
@pytest.mark.parametrize("lose", [cancel_it, take_over])
def test_a_claim_that_no_longer_holds_is_marked_lost_and_no_other(
    database: Database, active_jobs: ActiveJobs, lose: Callable[[Database, ActiveJob], None]
) -> None:
    lost, kept = activate(database, active_jobs, 2)
    sql(database, "UPDATE jobs SET leased_until = now() + interval '9 s'")
    lose(database, lost)
    assert lost.claim_lost.wait(10)
    first = lease_of(database, kept)
    assert await_true(lambda: lease_of(database, kept) > first)
    assert not kept.claim_lost.is_set()


@pytest.mark.usefixtures("heartbeat")
def test_a_worker_is_on_the_register_at_once_and_says_so_when_it_changes(
    database: Database, reporter: Reporter
) -> None:
    assert states_of_worker(database) == ["ready"]
    reporter.state = "busy"
    assert await_true(lambda: states_of_worker(database) == ["busy"], 2)


def test_a_worker_that_stops_is_off_the_register(
    database: Database, active_jobs: ActiveJobs, reporter: Reporter
) -> None:
    beating = Heartbeat(database, active_jobs, reporter, every_seconds=0.02, lease_seconds=60)
    beating.start()
    beating.stop()
    assert states_of_worker(database) == []
    assert not any(thread.name == "heartbeat" for thread in threading.enumerate())


def test_a_worker_that_could_not_start_stays_on_the_register_as_failed(
    database: Database, active_jobs: ActiveJobs, reporter: Reporter
) -> None:
    beating = Heartbeat(database, active_jobs, reporter, every_seconds=0.02, lease_seconds=60)
    beating.start()
    beating.stop(failed=True)
    assert states_of_worker(database) == ["failed"]


def test_a_heartbeat_outlives_a_database_that_is_away(
    database: Database,
    database_maker: DatabaseMaker,
    database_url: str,
    active_jobs: ActiveJobs,
    heartbeat: Heartbeat,
) -> None:
    [job] = activate(database, active_jobs)
    beats = []
    beat = heartbeat._renew_leases

    def counted() -> None:
        beats.append(1)
        beat()

    heartbeat._renew_leases = counted
    with database_maker.away(database_url):
        already = len(beats)
        assert await_true(lambda: len(beats) > already + 2)
    lose_lease(database, job.row.id)
    assert await_true(lambda: lease_of(database, job) > datetime.now(UTC))
    assert not job.claim_lost.is_set()


def test_a_worker_stops_in_order_though_the_database_is_away(
    database: Database,
    database_maker: DatabaseMaker,
    database_url: str,
    active_jobs: ActiveJobs,
    reporter: Reporter,
    tmp_path: Path,
) -> None:
    alive = tmp_path / "alive"
    beating = Heartbeat(
        database, active_jobs, reporter, every_seconds=0.02, lease_seconds=60, alive_file=alive
    )
    beating.start()
    with database_maker.away(database_url):
        alive.unlink(missing_ok=True)
        assert await_true(alive.exists)  # the process is alive: a restart would not help
        beating.stop()
    assert states_of_worker(database) == ["ready"]  # until it counts as stale


@pytest.mark.usefixtures("heartbeat")
def test_a_job_canceled_while_its_model_runs_is_given_up_within_a_step(
    database: Database, active_jobs: ActiveJobs, store: LocalStore, worker_settings: WorkerSettings
) -> None:
    publisher = Publisher(worker_settings)
    station = Station(database, store, worker_settings, publisher, active_jobs=active_jobs)
    job_id, gate = station.submit(add_tenant(database)), Gate()

    def give_up() -> bool:
        assert gate.entered.wait(10)
        return cancel(database, job_id)

    assert at_once([lambda: station.run_batch(gate), give_up]) == [1, True]
    publisher.close()
    assert not gate.opened.is_set()
    assert state(database, job_id) == "canceled"
    assert station.stored_keys() == []
    assert counts(database, "usage_events") == [0]


@pytest.mark.usefixtures("heartbeat")
def test_a_job_that_ends_in_time_is_not_taken_for_lost(
    database: Database, active_jobs: ActiveJobs
) -> None:
    for job in activate(database, active_jobs, 10):
        assert complete(database, job.claim)
        active_jobs.remove(job)
    assert {row[0] for row in sql(database, "SELECT state FROM jobs")} == {"succeeded"}


@pytest.mark.usefixtures("heartbeat")
def test_steps_are_told_to_those_that_subscribe_and_not_more_often_than_allowed(
    database: Database, active_jobs: ActiveJobs
) -> None:
    tenant_id = add_tenant(database)
    url = "https://x.example/hook"
    told, silent = (
        Webhook(url, (event,), "https://b.example", SurfaceName.REPLICATE)
        for event in (ProgressEvent.LOGS, ProgressEvent.STARTED)
    )
    submit(database, tenant_id, webhook=told)
    submit(database, tenant_id, webhook=silent)
    jobs = [ActiveJob(job) for _ in range(2) for job in claim(database)]
    active_jobs.add(jobs)
    for job in jobs:
        job.progress = (1, 4)
    assert await_true(lambda: counts(database, "deliveries") == [1])
    [sending] = claim_deliveries(database)
    assert (sending.event, sending.job_id) == ("job.logs.1", jobs[0].row.id)
    assert record(database, sending, 200) == "delivered"
    for job in jobs:
        job.progress = (3, 4)
    assert await_true(lambda: counts(database, "deliveries") == [2])
    [[seconds]] = sql(
        database, "SELECT extract(epoch FROM max(created_at) - min(created_at)) FROM deliveries"
    )
    assert seconds >= EVERY_SECONDS - 0.05
