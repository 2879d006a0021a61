"""Requests that are sent again: they rejoin their unfinished job, and the last to leave cancels."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from db.core.session import Database
from db.jobs import deduplication, finish
from db.jobs.submit import submit_job, submit_job_at_once
from db.jobs.types import Claim, Origin
from db.tables import Job
from db.values.job_state import JobState
from db.values.surfaces import SurfaceName
from tests.support.jobs import (
    add_tenant,
    allowance,
    cancel,
    claim,
    complete,
    counts,
    expire,
    fail,
    fence_of,
    found,
    let_expire,
    lose_lease,
    new_job,
    rescue,
    retry,
    sql,
    state,
    submit,
)
from tests.support.waiting import at_once, await_true

WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'"""

POLLED = Origin(SurfaceName.FAL, digest=b"what was asked for")
AWAITED = Origin(SurfaceName.FAL, digest=b"what was asked for", is_synchronous=True)


def rejoin(database: Database, tenant_id: str, origin: Origin = AWAITED) -> str | None:
    """The id of the job that a request rejoins."""
    with database.transaction() as session:
        job = deduplication.rejoin(session, tenant_id=tenant_id, origin=origin)
        return None if job is None else job.id


def join(database: Database, job_id: str, origin: Origin) -> None:
    """Find the job by an idempotency key."""
    with database.transaction() as session:
        job = session.get_one(Job, job_id)
        deduplication.join(session, job, origin)


def leave(database: Database, tenant_id: str, job_id: str) -> bool:
    """Leave a job; True when this canceled it."""
    with database.transaction() as session:
        return deduplication.leave(session, tenant_id=tenant_id, job_id=job_id) is not None


def insert_or_rejoin(database: Database, tenant_id: str, origin: Origin) -> str:
    """Submit as the API does: insert, or rejoin the job that is there."""
    new = new_job(tenant_id, origin=origin)
    while True:
        try:
            with database.autocommit(durable=True) as session:
                if accepted := submit_job_at_once(session, new):
                    return accepted.job.id
            with database.transaction() as session:
                if job := deduplication.rejoin(session, tenant_id=tenant_id, origin=origin):
                    return job.id
                return submit_job(session, new).job.id
        except deduplication.CONFLICTS as error:
            if not deduplication.is_conflict(error):
                raise


def let_run(database: Database, job_id: str) -> Claim:
    """Claim the one queued job."""
    [job] = claim(database)
    assert job.id == job_id
    return fence_of(job)


def to_retry(database: Database, job_id: str) -> None:
    assert retry(database, let_run(database, job_id))


def to_rescue(database: Database, job_id: str) -> None:
    let_run(database, job_id)
    lose_lease(database, job_id)
    assert rescue(database, job_id)


def to_complete(database: Database, job_id: str) -> None:
    assert complete(database, let_run(database, job_id))


def to_fail(database: Database, job_id: str) -> None:
    assert fail(database, let_run(database, job_id))


def to_cancel(database: Database, job_id: str) -> None:
    assert cancel(database, job_id)


def to_expire(database: Database, job_id: str) -> None:
    let_expire(database, job_id)
    assert expire(database, job_id)


@pytest.mark.parametrize("move", [lambda *_: None, let_run, to_retry, to_rescue])
def test_while_its_job_is_unfinished_a_request_is_no_second_job(
    database: Database, tenant_id: str, move: Callable[[Database, str], Any]
) -> None:
    first = submit(database, tenant_id, origin=AWAITED)
    move(database, first)
    with database.autocommit() as session:
        assert submit_job_at_once(session, new_job(tenant_id, origin=AWAITED)) is None
    with pytest.raises(IntegrityError) as refused:
        submit(database, tenant_id, origin=AWAITED)
    assert deduplication.is_conflict(refused.value)
    assert rejoin(database, tenant_id) == first
    assert counts(database, "jobs", "holds") == [1, 1]


@pytest.mark.parametrize("end", [to_complete, to_fail, to_cancel, to_expire])
def test_after_the_end_the_same_request_is_a_new_job(
    database: Database, tenant_id: str, end: Callable[[Database, str], None]
) -> None:
    first = submit(database, tenant_id, origin=AWAITED)
    end(database, first)
    assert rejoin(database, tenant_id) is None
    second = insert_or_rejoin(database, tenant_id, AWAITED)
    assert second != first
    assert rejoin(database, tenant_id) == second


def test_a_request_is_its_tenants_own(database: Database, tenant_id: str) -> None:
    submit(database, tenant_id, origin=AWAITED)
    other = add_tenant(database)
    assert rejoin(database, other) is None
    submit(database, other, origin=AWAITED)
    assert counts(database, "jobs") == [2]


def test_without_a_digest_equal_submissions_are_jobs_of_their_own(
    database: Database, tenant_id: str
) -> None:
    for _ in range(3):
        submit(database, tenant_id, origin=Origin(SurfaceName.FAL))
    assert rejoin(database, tenant_id, Origin(SurfaceName.FAL)) is None
    assert counts(database, "jobs", "holds") == [3, 3]


def test_sixteen_equal_requests_at_once_make_one_job(database: Database, tenant_id: str) -> None:
    made = at_once([lambda: insert_or_rejoin(database, tenant_id, AWAITED)] * 16)
    assert len(set(made)) == 1
    assert counts(database, "jobs", "holds") == [1, 1]
    assert allowance(database, tenant_id) == (0, 1)
    assert found(database, made[0]).sync_clients == 16


def test_the_last_of_the_requests_that_wait_cancels(database: Database, tenant_id: str) -> None:
    job_id = submit(database, tenant_id, origin=AWAITED)
    assert rejoin(database, tenant_id) == job_id
    join(database, job_id, AWAITED)
    assert [leave(database, tenant_id, job_id) for _ in range(4)] == [False, False, True, False]
    assert state(database, job_id) == JobState.CANCELED
    assert allowance(database, tenant_id) == (0, 0)


def test_leaving_cancels_a_running_job_and_fences_its_worker(
    database: Database, tenant_id: str
) -> None:
    job_id = submit(database, tenant_id, origin=AWAITED)
    held = let_run(database, job_id)
    assert leave(database, tenant_id, job_id)
    assert not complete(database, held)
    assert state(database, job_id) == JobState.CANCELED


@pytest.mark.parametrize("origin", [POLLED, Origin(SurfaceName.FAL), Origin()])
def test_a_job_that_was_not_awaited_at_first_outlives_every_departure(
    database: Database, tenant_id: str, origin: Origin
) -> None:
    job_id = submit(database, tenant_id, origin=origin)
    rejoin(database, tenant_id)
    join(database, job_id, AWAITED)
    assert [leave(database, tenant_id, job_id) for _ in range(3)] == [False] * 3
    assert state(database, job_id) == JobState.QUEUED


@pytest.mark.parametrize(
    "poll",
    [
        lambda database, tenant_id, _: rejoin(database, tenant_id, POLLED),
        lambda database, _, job_id: join(database, job_id, POLLED),
        lambda database, _, job_id: join(database, job_id, Origin()),
    ],
)
def test_a_client_that_polls_keeps_the_job_for_itself(
    database: Database, tenant_id: str, poll: Callable[[Database, str, str], Any]
) -> None:
    job_id = submit(database, tenant_id, origin=AWAITED)
    poll(database, tenant_id, job_id)
    assert rejoin(database, tenant_id) == job_id
    assert [leave(database, tenant_id, job_id) for _ in range(3)] == [False] * 3
    assert state(database, job_id) == JobState.QUEUED


def test_a_hosted_job_is_never_canceled_by_a_departure(database: Database) -> None:
    tenant_id = add_tenant(database, credit_micros=10**9)
    job_id = submit(database, tenant_id, origin=AWAITED, vendor_micros=40_000)
    assert not leave(database, tenant_id, job_id)
    assert state(database, job_id) == JobState.QUEUED
    let_run(database, job_id)
    rejoin(database, tenant_id)
    assert not leave(database, tenant_id, job_id)
    assert state(database, job_id) == JobState.RUNNING
    assert found(database, job_id).cancel_requested_at is None


def test_nobody_leaves_the_job_of_another_tenant_or_one_that_is_over(
    database: Database, tenant_id: str
) -> None:
    job_id = submit(database, tenant_id, origin=AWAITED)
    assert not leave(database, add_tenant(database), job_id)
    to_complete(database, job_id)
    assert not leave(database, tenant_id, job_id)
    join(database, job_id, POLLED)
    assert state(database, job_id) == JobState.SUCCEEDED


def test_whoever_joins_a_job_at_its_end_sees_the_end(database: Database, tenant_id: str) -> None:
    job_id = submit(database, tenant_id, origin=AWAITED)
    with database.autocommit() as session:
        job = session.get_one(Job, job_id)
        cancel(database, job_id)
        deduplication.join(session, job, AWAITED)
        assert job.state == JobState.CANCELED


def test_leaving_and_rejoining_at_once_leaves_nobody_with_a_canceled_job(
    database: Database, tenant_id: str
) -> None:
    for _ in range(10):
        first = insert_or_rejoin(database, tenant_id, AWAITED)
        canceled, joined = at_once(
            [
                lambda job_id=first: leave(database, tenant_id, job_id),
                lambda: insert_or_rejoin(database, tenant_id, AWAITED),
            ]
        )
        assert (joined != first) == canceled
        assert state(database, joined) == JobState.QUEUED
        assert leave(database, tenant_id, joined)


def test_one_departure_among_the_claims_completions_and_cancellations_of_others(
    database: Database, tenant_id: str
) -> None:
    ended = []
    for _ in range(8):
        job_id = submit(database, tenant_id, origin=AWAITED)
        held = let_run(database, job_id)
        at_once(
            [
                lambda held=held: complete(database, held),
                lambda job_id=job_id: leave(database, tenant_id, job_id),
                lambda job_id=job_id: cancel(database, job_id, tenant_id),
                lambda: insert_or_rejoin(database, tenant_id, POLLED),
            ]
        )
        ended.append(state(database, job_id))
        if (again := rejoin(database, tenant_id)) is not None:
            assert again != job_id
            cancel(database, again)
    assert set(ended) <= {JobState.SUCCEEDED, JobState.CANCELED}
    [[settled]] = sql(database, "SELECT count(*) FROM holds WHERE state = 'open'")
    assert settled == 0


def test_the_end_of_a_job_and_the_same_request_again_do_not_block_each_other(
    database: Database, tenant_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = submit(database, tenant_id, origin=POLLED)
    halfway, again = threading.Event(), threading.Event()
    end_attempt = finish._end_attempt

    def wait_for_the_other(*ending: Any) -> None:
        # The ending job's row is changed, and its tenant's is not yet.
        halfway.set()
        assert again.wait(30)
        end_attempt(*ending)

    monkeypatch.setattr(finish, "_end_attempt", wait_for_the_other)
    ending = threading.Thread(target=lambda: cancel(database, first))
    ending.start()
    assert halfway.wait(30)
    made: list[str] = []
    sending = threading.Thread(
        target=lambda: made.append(insert_or_rejoin(database, tenant_id, POLLED))
    )
    sending.start()
    assert await_true(lambda: sql(database, WAITING) == [(1,)])
    again.set()
    ending.join(30)
    sending.join(30)
    assert state(database, first) == JobState.CANCELED
    assert made != [first]
    [[deadlocks]] = sql(
        database, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    assert deadlocks == 0


def made_ago(database: Database, job_id: str, seconds: float) -> None:
    """Have a job be made so long ago."""
    sql(
        database,
        "UPDATE jobs SET created_at = now() - make_interval(secs => :seconds) WHERE id = :id",
        seconds=seconds,
        id=job_id,
    )


@pytest.mark.parametrize(
    ("origin", "made_seconds_ago", "rejoins"),
    [
        (AWAITED, 1.0, True),
        (AWAITED, 0.1, False),
        (POLLED, 0.1, True),
        (POLLED, -1.0, False),
        (AWAITED, -1.0, False),
    ],
    ids=["awaited", "awaited-together", "polled", "polled-before", "before"],
)
def test_requests_that_are_sent_together_are_no_retries_of_each_other(
    database: Database, tenant_id: str, origin: Origin, made_seconds_ago: float, *, rejoins: bool
) -> None:
    first = submit(database, tenant_id, origin=origin)
    made_ago(database, first, made_seconds_ago)
    later = replace(origin, arrived_at=time.monotonic())
    assert (rejoin(database, tenant_id, later) == first) is rejoins
    with database.autocommit() as session:
        assert deduplication.is_taken(session, tenant_id=tenant_id, origin=later) is not rejoins
