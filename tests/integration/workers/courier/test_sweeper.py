"""Sweeps repair lost leases, expired jobs and missing tickets, also several at once."""

import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator

import pytest
from redis import Redis
from sqlalchemy import text

from db import worker_registry as workers
from db.core.session import Database
from db.worker_registry import WorkerReport
from deploy.local.servers.process import Child
from tests.support.databases import DatabaseMaker
from tests.support.jobs import (
    add_tenant,
    allowance,
    backlog,
    claim,
    counts,
    found,
    let_expire,
    lose_lease,
    retry,
    running,
    sql,
    state,
    submit,
    submit_many,
    without_finite_checks,
)
from tests.support.station import read_events
from tests.support.waiting import at_once, await_true
from workers.courier.sweeper import Sweeper, SweepReport
from workers.messaging.events import Publisher
from workers.messaging.queue import ENOUGH_TICKETS, QueueNotifier, redis_client
from workers.settings import WorkerSettings


@pytest.fixture
def queue_notifier(own_redis_settings: WorkerSettings) -> Iterator[QueueNotifier]:
    """A notifier on the test's own Redis."""
    notifier = QueueNotifier(own_redis_settings)
    yield notifier
    notifier.close()


@pytest.fixture
def sweeper(
    database: Database, queue_notifier: QueueNotifier, own_redis_settings: WorkerSettings
) -> Iterator[Sweeper]:
    """A sweeper of the test's own database and Redis."""
    publisher = Publisher(own_redis_settings)
    yield Sweeper(database, queue_notifier, publisher)
    publisher.close()


@pytest.fixture
def redis(own_redis_settings: WorkerSettings) -> Iterator[Redis]:
    """A client of the test's own Redis."""
    with redis_client(own_redis_settings, decode_responses=False) as client:
        yield client


@pytest.fixture
def variant() -> str:
    """The name of a queue."""
    return f"variant.{uuid.uuid4().hex}"


def published(redis: Redis, job_id: str) -> list[tuple[str, str]]:
    """The published events of a job: type and state."""
    return [(event.type, event.data["state"]) for event in read_events(redis, job_id)]


def test_nothing_is_repaired_where_nothing_is_amiss(database: Database, sweeper: Sweeper) -> None:
    running(database, add_tenant(database))
    assert sweeper.sweep() == SweepReport(0, 0, 0)


def test_a_job_of_a_lost_worker_is_queued_and_gets_a_ticket(
    database: Database,
    sweeper: Sweeper,
    queue_notifier: QueueNotifier,
    redis: Redis,
    variant: str,
) -> None:
    held = running(database, add_tenant(database), variant=variant)
    lose_lease(database, held.job_id)
    assert sweeper.sweep() == SweepReport(recovered=1, expired=0, rung=1)
    assert state(database, held.job_id) == "queued"
    assert queue_notifier.waiting_tickets(variant) == 1
    assert await_true(lambda: published(redis, held.job_id) == [("state", "queued")])


def test_a_job_that_lost_every_worker_fails_and_everyone_is_told(
    database: Database, sweeper: Sweeper, redis: Redis
) -> None:
    tenant_id = add_tenant(database)
    held = running(database, tenant_id)
    for _ in range(3):
        lose_lease(database, held.job_id)
        assert sweeper.sweep().recovered == 1
        claim(database)
    job = found(database, held.job_id)
    assert (job.state, job.error_code) == ("failed", "worker_lost")
    assert allowance(database, tenant_id) == (0, 0)
    assert await_true(lambda: published(redis, held.job_id)[-1:] == [("done", "failed")])
    assert sweeper.sweep() == SweepReport(0, 0, 0)


def test_a_job_that_nobody_claimed_in_time_expires(
    database: Database, sweeper: Sweeper, redis: Redis
) -> None:
    job_id = submit(database, add_tenant(database))
    let_expire(database, job_id)
    assert sweeper.sweep() == SweepReport(recovered=0, expired=1, rung=0)
    assert state(database, job_id) == "expired"
    assert await_true(lambda: published(redis, job_id) == [("done", "expired")])


def test_every_claimable_job_has_a_ticket_and_no_more(
    database: Database, sweeper: Sweeper, queue_notifier: QueueNotifier, variant: str
) -> None:
    tenant_id = add_tenant(database)
    submit_many(database, tenant_id, 5, variant=variant)
    retry(database, running(database, tenant_id, variant=variant + ".later"), delay=60)
    assert [sweeper.sweep().rung for _ in range(3)] == [5, 0, 0]
    assert queue_notifier.waiting_tickets(variant) == 5
    submit(database, tenant_id, variant=variant)
    assert sweeper.sweep().rung == 1


def test_a_long_queue_has_enough_tickets(
    database: Database, sweeper: Sweeper, queue_notifier: QueueNotifier, variant: str
) -> None:
    backlog(database, add_tenant(database), 3 * ENOUGH_TICKETS, variant=variant)
    assert [sweeper.sweep().rung for _ in range(2)] == [ENOUGH_TICKETS, 0]
    assert queue_notifier.waiting_tickets(variant) == ENOUGH_TICKETS


def test_a_flushed_redis_gets_a_ticket_again_for_every_job(
    database: Database,
    sweeper: Sweeper,
    queue_notifier: QueueNotifier,
    redis: Redis,
    variant: str,
) -> None:
    submit_many(database, add_tenant(database), 50, variant=variant)
    assert sweeper.sweep().rung == 50
    redis.flushall()
    assert sweeper.sweep().rung == 50
    assert queue_notifier.waiting_tickets(variant) == 50


def test_a_paused_queue_gets_no_ticket(
    database: Database, sweeper: Sweeper, queue_notifier: QueueNotifier, variant: str
) -> None:
    submit(database, add_tenant(database), variant=variant)
    sql(database, "INSERT INTO queues VALUES (:variant, 0, now())", variant=variant)
    assert sweeper.sweep() == SweepReport(0, 0, 0)
    sql(database, "UPDATE queues SET paused_at = NULL")
    assert sweeper.sweep().rung == 1
    assert queue_notifier.waiting_tickets(variant) == 1


def test_a_hung_redis_costs_a_sweep_its_time_limit_once(
    database: Database, sweeper: Sweeper, own_redis: Child, variant: str
) -> None:
    tenant_id = add_tenant(database)
    held = running(database, tenant_id)
    lose_lease(database, held.job_id)
    for name in (variant, variant + ".other"):
        submit_many(database, tenant_id, 10, variant=name)
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert sweeper.sweep() == SweepReport(recovered=1, expired=0, rung=0)
        assert time.monotonic() - began < 4
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)
    assert await_true(lambda: sweeper.sweep().rung > 0)


def test_sweeps_at_once_repair_each_job_once(database: Database, sweeper: Sweeper) -> None:
    tenant_id = add_tenant(database)
    for _ in range(10):
        lose_lease(database, running(database, tenant_id).job_id)
        let_expire(database, submit(database, tenant_id, variant="later"))
    reports = at_once([sweeper.sweep] * 4)
    assert sum(report.recovered for report in reports) == 10
    assert sum(report.expired for report in reports) == 10
    assert sql(database, "SELECT DISTINCT state, attempt FROM jobs ORDER BY state") == [
        ("expired", 0),
        ("queued", 1),
    ]


def test_a_row_that_someone_holds_keeps_no_other_from_repair(
    database: Database, sweeper: Sweeper
) -> None:
    tenant_id = add_tenant(database)
    stuck, free = (running(database, tenant_id) for _ in range(2))
    for held in (stuck, free):
        lose_lease(database, held.job_id)
    with database.transaction() as holder:
        holder.execute(text("SELECT 1 FROM jobs WHERE id = :id FOR UPDATE"), {"id": stuck.job_id})
        began = time.monotonic()
        assert sweeper.sweep().recovered == 1
        assert time.monotonic() - began < 2
    assert state(database, free.job_id) == "queued"
    assert sweeper.sweep().recovered == 1


def test_workers_long_silent_are_forgotten(database: Database, sweeper: Sweeper) -> None:
    for number in (1, 2):
        with database.transaction() as session:
            workers.report(session, WorkerReport(f"wrk_{number}", "box", 7, "cpu", (), "ready"))
    sql(database, "UPDATE workers SET heartbeat_at = now() - interval '1 day' WHERE id = 'wrk_1'")
    sweeper.sweep()
    assert sql(database, "SELECT id FROM workers") == [("wrk_2",)]


def test_maintenance_outlives_a_database_that_is_away_and_stops_when_told(
    database: Database, sweeper: Sweeper, database_maker: DatabaseMaker, database_url: str
) -> None:
    job_id = submit(database, add_tenant(database))
    stopping = threading.Event()
    sweeping = threading.Thread(
        target=sweeper.run, args=(stopping,), kwargs={"every_seconds": 0.02}
    )
    with database_maker.away(database_url):
        sweeping.start()
        stopping.wait(0.2)
        assert sweeping.is_alive()
    let_expire(database, job_id)
    assert await_true(lambda: state(database, job_id) == "expired")
    stopping.set()
    sweeping.join(10)
    assert not sweeping.is_alive()
    assert counts(database, "usage_events") == [0]


def test_a_queue_whose_time_is_no_number_is_restarted(
    database: Database, owner_database: Database, sweeper: Sweeper, variant: str
) -> None:
    assert sweeper.repair_fair_share() == []
    for statement in without_finite_checks():
        sql(owner_database, statement)
    sql(database, "INSERT INTO queues VALUES (:variant, 'NaN')", variant=variant)
    assert [broken.rule for broken in sweeper.audit()] == [
        "the numbers of the fair share are finite"
    ]
    assert sweeper.repair_fair_share() == [variant]
    assert sweeper.audit() == []
