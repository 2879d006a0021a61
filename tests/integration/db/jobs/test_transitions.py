"""Every change of a job's state: allowed by the table, refused otherwise, fenced by the attempt."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from db.core.session import Database
from db.jobs.claim import renew_leases
from db.jobs.finish import expired_job_ids, expired_lease_ids
from db.jobs.queries import artifacts_of
from db.jobs.types import Claim
from db.values.job_state import TRANSITIONS, JobState
from tests.support.jobs import (
    PRICE,
    add_tenant,
    allowance,
    balance,
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
    rescue,
    retry,
    running,
    sql,
    state,
    stored,
    submit,
)
from tests.support.waiting import at_once


def queued(database: Database, tenant_id: str, variant: str) -> Claim:
    """A job that no worker has had."""
    return Claim(submit(database, tenant_id, variant=variant), 0)


def queued_again(database: Database, tenant_id: str, variant: str) -> Claim:
    """A job that a worker has had."""
    held = running(database, tenant_id, variant=variant)
    assert retry(database, held)
    return held


def claimed(database: Database, tenant_id: str, variant: str) -> Claim:
    """A job that a worker has."""
    return running(database, tenant_id, variant=variant)


def succeeded(database: Database, tenant_id: str, variant: str) -> Claim:
    """A job whose result is stored."""
    held = running(database, tenant_id, variant=variant)
    assert complete(database, held)
    return held


def failed(database: Database, tenant_id: str, variant: str) -> Claim:
    """A job that failed."""
    held = running(database, tenant_id, variant=variant)
    assert fail(database, held)
    return held


def canceled(database: Database, tenant_id: str, variant: str) -> Claim:
    """A job that was canceled while it ran."""
    held = running(database, tenant_id, variant=variant)
    assert cancel(database, held.job_id)
    return held


def expired(database: Database, tenant_id: str, variant: str) -> Claim:
    """A job that nobody claimed in time."""
    held = queued(database, tenant_id, variant)
    let_expire(database, held.job_id)
    assert expire(database, held.job_id)
    return held


def by_claim(database: Database, held: Claim) -> bool:
    """A worker's ticket."""
    return bool(claim(database, found(database, held.job_id).variant))


def by_expiry(database: Database, held: Claim) -> bool:
    """Sweeper, after the job's time."""
    let_expire(database, held.job_id)
    return expire(database, held.job_id)


def by_recovery(database: Database, held: Claim) -> bool:
    """Sweeper, after the worker's time."""
    if state(database, held.job_id) == JobState.RUNNING:
        lose_lease(database, held.job_id)
    return rescue(database, held.job_id)


Setting = Callable[[Database, str, str], Claim]
SETTINGS: list[tuple[JobState, Setting]] = [
    (JobState.QUEUED, queued),
    (JobState.QUEUED, queued_again),
    (JobState.RUNNING, claimed),
    (JobState.SUCCEEDED, succeeded),
    (JobState.FAILED, failed),
    (JobState.CANCELED, canceled),
    (JobState.EXPIRED, expired),
]
MOVES: list[tuple[JobState, Callable[[Database, Claim], bool]]] = [
    (JobState.RUNNING, by_claim),
    (JobState.SUCCEEDED, complete),
    (JobState.FAILED, fail),
    (JobState.CANCELED, lambda database, held: cancel(database, held.job_id)),
    (JobState.EXPIRED, by_expiry),
    (JobState.QUEUED, retry),
    (JobState.QUEUED, by_recovery),
]


@pytest.mark.parametrize(("source", "setting"), SETTINGS)
def test_a_job_moves_along_the_table_and_nowhere_else(
    database: Database, source: JobState, setting: Setting
) -> None:
    tenant_id = add_tenant(database)
    for number, (target, move) in enumerate(MOVES):
        held = setting(database, tenant_id, f"variant-{number}")
        before = found(database, held.job_id)
        moved = move(database, held)
        assert moved == (target in TRANSITIONS[source]), (source, move)
        assert state(database, held.job_id) == (target if moved else source)
        if not moved:
            assert found(database, held.job_id).finished_at == before.finished_at


def test_a_result_of_an_older_attempt_changes_nothing(database: Database) -> None:
    tenant_id = add_tenant(database)
    old = running(database, tenant_id)
    lose_lease(database, old.job_id)
    assert rescue(database, old.job_id)
    [again] = claim(database, worker_id="wrk_2")
    assert fence_of(again) == Claim(old.job_id, 2)

    assert not complete(database, old, stored(old))
    assert not fail(database, old)
    assert not retry(database, old)
    with database.transaction() as session:
        assert renew_leases(session, {old: (3, 4)}, lease_seconds=900) == set()

    now = found(database, old.job_id)
    assert (now.state, now.attempt, now.worker_id) == ("running", 2, "wrk_2")
    assert (now.leased_until, now.progress_step) == (again.leased_until, 0)
    assert counts(database, "artifacts", "usage_events") == [0, 0]
    assert complete(database, fence_of(again), stored(fence_of(again)))
    assert sql(database, "SELECT attempt FROM artifacts") == [(2,)]


def test_a_job_completed_twice_is_settled_once(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=0, credit_micros=10 * PRICE)
    held = running(database, tenant_id)
    assert complete(database, held, stored(held))
    assert not complete(database, held, stored(held))
    assert balance(database, tenant_id) == (9 * PRICE, 0)
    assert counts(database, "artifacts", "usage_events") == [1, 1]
    assert counts(database, "ledger_entries") == [2]  # the credit and the charge


def test_of_several_completions_at_once_one_counts(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=0, credit_micros=10 * PRICE)
    held = running(database, tenant_id)
    outcomes = at_once([lambda: complete(database, held, stored(held))] * 8)
    assert sorted(outcomes) == [False] * 7 + [True]
    assert balance(database, tenant_id) == (9 * PRICE, 0)


def test_of_a_completion_and_a_cancellation_at_once_one_counts(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=0, credit_micros=100 * PRICE)
    paid = 0
    for _ in range(10):
        held = running(database, tenant_id)
        completed, withdrawn = at_once(
            [
                lambda held=held: complete(database, held, stored(held)),
                lambda held=held: cancel(database, held.job_id),
            ]
        )
        assert completed != withdrawn
        expected = JobState.SUCCEEDED if completed else JobState.CANCELED
        assert state(database, held.job_id) == expected
        paid += completed
    assert balance(database, tenant_id) == ((100 - paid) * PRICE, 0)


@pytest.mark.parametrize("setting", [failed, canceled, expired])
@pytest.mark.parametrize("free", [0, 10])
def test_a_job_without_a_result_gives_its_hold_back(
    database: Database, setting: Setting, free: int
) -> None:
    tenant_id = add_tenant(database, images_per_month=free, credit_micros=PRICE)
    held = setting(database, tenant_id, "flux.1-demo")
    assert allowance(database, tenant_id) == (0, 0)
    assert balance(database, tenant_id) == (PRICE, 0)
    assert sql(database, "SELECT state FROM holds WHERE job_id = :id", id=held.job_id) == [
        ("released",)
    ]
    assert sql(database, "SELECT in_flight FROM tenants") == [(0,)]
    assert counts(database, "usage_events") == [0]


def test_a_failure_tells_its_reason_and_ends_its_attempt(database: Database) -> None:
    held = failed(database, add_tenant(database), "flux.1-demo")
    job = found(database, held.job_id)
    assert (job.error_code, job.error_message, job.error_retryable) == ("broken", "it broke", False)
    assert job.finished_at is not None
    assert job.leased_until is None
    assert sql(database, "SELECT outcome, ended_at IS NOT NULL FROM attempts") == [("broken", True)]


def test_a_retry_waits_its_delay_out(database: Database) -> None:
    held = running(database, add_tenant(database))
    assert retry(database, held, delay=3600)
    job = found(database, held.job_id)
    assert (job.state, job.attempt, job.worker_id, job.leased_until) == ("queued", 1, None, None)
    [(seconds,)] = sql(database, "SELECT extract(epoch FROM available_at - now()) FROM jobs")
    assert 3590 < seconds <= 3600
    assert claim(database) == []
    sql(database, "UPDATE jobs SET available_at = now()")
    [again] = claim(database)
    assert again.attempt == 2


def test_the_last_attempt_is_not_retried(database: Database) -> None:
    tenant_id = add_tenant(database)
    held = running(database, tenant_id, max_attempts=3)
    for attempt in (1, 2):
        assert retry(database, held)
        [again] = claim(database)
        held = fence_of(again)
        assert held.attempt == attempt + 1
    assert retry(database, held)
    job = found(database, held.job_id)
    assert (job.state, job.error_code, job.error_retryable) == ("failed", "broken", True)
    assert claim(database) == []
    assert allowance(database, tenant_id) == (0, 0)
    assert sql(database, "SELECT number, outcome FROM attempts ORDER BY number") == [
        (n, "broken") for n in (1, 2, 3)
    ]


def test_a_lost_worker_s_job_is_queued_at_once_and_fails_the_third_time(database: Database) -> None:
    tenant_id = add_tenant(database)
    held = running(database, tenant_id)
    for expected in ("queued", "queued", "failed"):
        lose_lease(database, held.job_id)
        with database.transaction() as session:
            assert expired_lease_ids(session, limit=10) == [held.job_id]
        assert rescue(database, held.job_id)
        assert state(database, held.job_id) == expected
        claim(database)
    job = found(database, held.job_id)
    assert (job.error_code, job.attempt, job.error_retryable) == ("worker_lost", 3, True)
    assert allowance(database, tenant_id) == (0, 0)
    outcomes = sql(database, "SELECT outcome FROM attempts ORDER BY number")
    assert outcomes == [("worker_lost",)] * 3


def test_a_job_whose_lease_was_renewed_meanwhile_is_left_alone(database: Database) -> None:
    held = running(database, add_tenant(database))
    lose_lease(database, held.job_id)
    with database.transaction() as session:
        assert renew_leases(session, {held: (2, 8)}, lease_seconds=60) == {held}
    assert not rescue(database, held.job_id)
    job = found(database, held.job_id)
    assert (job.state, job.progress_step, job.progress_steps) == ("running", 2, 8)


def test_renewing_tells_which_claims_still_hold(database: Database) -> None:
    tenant_id = add_tenant(database)
    kept, gone, done = (running(database, tenant_id) for _ in range(3))
    cancel(database, gone.job_id)
    complete(database, done)
    before = found(database, kept.job_id).leased_until
    progress = {kept: (1, 4), gone: (1, 4), done: (1, 4), Claim("job_x", 1): (0, 0)}
    with database.transaction(durable=False) as session:
        assert renew_leases(session, progress, lease_seconds=600) == {kept}
    after = found(database, kept.job_id).leased_until
    assert before is not None
    assert after is not None
    assert after - before > timedelta(minutes=8)


def test_a_job_canceled_while_it_runs_takes_no_late_result(database: Database) -> None:
    tenant_id = add_tenant(database)
    held = canceled(database, tenant_id, "flux.1-demo")
    assert not complete(database, held, stored(held))
    assert counts(database, "artifacts", "usage_events") == [0, 0]
    assert allowance(database, tenant_id) == (0, 0)
    assert sql(database, "SELECT outcome FROM attempts") == [("canceled",)]


def test_only_the_owner_or_an_operator_cancels(database: Database) -> None:
    owner, stranger = add_tenant(database), add_tenant(database)
    job_id = submit(database, owner)
    assert not cancel(database, job_id, stranger)
    assert state(database, job_id) == JobState.QUEUED
    assert cancel(database, job_id, owner)
    assert cancel(database, submit(database, owner), None)
    assert not cancel(database, "job_unknown", owner)


def last_month(database: Database) -> None:
    """Let everything have been submitted last month."""
    for table in ("holds", "allowances"):
        sql(database, f"UPDATE {table} SET month = month - interval '1 month'")  # noqa: S608


def months(database: Database) -> list[tuple[int, int, int]]:
    """(months ago, used, held) of every allowance."""
    return sql(
        database,
        "SELECT (extract(month FROM age(date_trunc('month', now()), month)))::int, used, held "
        "FROM allowances ORDER BY month",
    )


def test_a_hold_is_released_to_the_month_of_its_submission(database: Database) -> None:
    tenant_id = add_tenant(database)
    held = running(database, tenant_id, units=3)
    last_month(database)
    submit(database, tenant_id, units=2)
    assert months(database) == [(1, 0, 3), (0, 0, 2)]
    fail(database, held)
    assert months(database) == [(1, 0, 0), (0, 0, 2)]


def test_a_hold_is_settled_in_the_month_of_its_submission(database: Database) -> None:
    tenant_id = add_tenant(database)
    held = running(database, tenant_id, units=3)
    last_month(database)
    submit(database, tenant_id, units=2)
    complete(database, held)
    assert months(database) == [(1, 3, 0), (0, 0, 2)]
    [(same,)] = sql(
        database, "SELECT u.month = h.month FROM usage_events u JOIN holds h USING (job_id)"
    )
    assert same


def test_a_job_expires_after_its_time_and_not_before(database: Database) -> None:
    tenant_id = add_tenant(database)
    job_id = submit(database, tenant_id, expires_in_seconds=3600)
    forever = submit(database, tenant_id)
    with database.transaction() as session:
        assert expired_job_ids(session, limit=10) == []
    assert not expire(database, job_id)
    assert not expire(database, forever)
    let_expire(database, job_id)
    with database.transaction() as session:
        assert expired_job_ids(session, limit=10) == [job_id]
    assert expire(database, job_id)


def test_a_completion_writes_all_that_is_known_of_the_result(database: Database) -> None:
    held = running(database, add_tenant(database))
    with database.transaction() as session:
        renew_leases(session, {held: (2, 4)}, lease_seconds=60)
    assert complete(database, held, stored(held, 0), stored(held, 1))
    job = found(database, held.job_id)
    assert (job.output, job.run_seconds, job.store_seconds) == ({"answer": 42}, 1.5, 0.25)
    assert (job.progress_step, job.progress_steps) == (4, 4)
    with database.transaction() as session:
        first, second = artifacts_of(session, [held.job_id])[held.job_id]
    assert (first.n, second.n, first.attempt) == (0, 1, 1)
    assert first.seed == str(2**64 - 1)
    assert first.expires_at is not None
    assert timedelta(minutes=59) < first.expires_at - first.created_at <= timedelta(hours=1)


@pytest.mark.parametrize(
    "change",
    [
        "state = 'lost'",
        "state = 'running'",
        "state = 'succeeded'",
        "finished_at = now()",
        "error_code = 'x'",
        "leased_until = now()",
    ],
)
def test_the_database_itself_refuses_a_row_that_contradicts_itself(
    database: Database, change: str
) -> None:
    submit(database, add_tenant(database))
    with pytest.raises(IntegrityError):
        sql(database, f"UPDATE jobs SET {change}")  # noqa: S608
