"""Every change of a job's state, each a guarded UPDATE in the caller's transaction.

Locks are always taken in this order, so that no two transactions wait for each other: the
idempotency key, the job, its tenant, the allowance, the fair-share tag, the queue. Whoever
changes many jobs does so one transaction a job.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, insert, select, text, update
from sqlalchemy.orm import Session

from db import deliveries, fair_share, quota, webhook_secrets
from db.job_state import JobState, Priority, sources_of
from db.job_values import (
    Accepted,
    Claim,
    Failure,
    NewJob,
    PriorityNotAllowedError,
    Result,
    StoredArtifact,
    TenantSuspendedError,
    TooManyInFlightError,
)
from db.tables import Artifact, Attempt, Job, Tenant, Tier

WORKER_LOST = "worker_lost"


def submit(session: Session, new: NewJob) -> Accepted:
    """Insert a queued job, place its hold and assign its fair-share tag.

    Raises:
        TenantSuspendedError: the tenant may not submit.
        PriorityNotAllowedError: the tier does not include the priority.
        TooManyInFlightError: the tier's limit of unfinished jobs is reached.
        db.quota.InsufficientCreditError: neither allowance nor balance covers it.
    """
    tenant, tier, now = _enter_flight(session, new)
    cover = quota.set_aside(
        session,
        tenant_id=tenant.id,
        month=quota.month_of(now),
        kind=new.unit_kind,
        granted=quota.allowance_granted(tier, new.unit_kind),
        units=new.units,
        price=new.price_micros,
    )
    share = fair_share.share_of(new.cost_seconds, tier.weight, new.priority)
    start = fair_share.assign(session, variant=new.variant, tenant_id=tenant.id, share=share)
    job = _insert(session, new, covered_by=cover.source, fair_share=share, fair_start=start)
    quota.record_hold(session, job, cover)
    if new.webhook is not None:
        webhook_secrets.ensure(session, new.tenant_id)
    return Accepted(job, tier=tier.name, quota_left=cover.allowance_left)


def _insert(session: Session, new: NewJob, **assigned: Any) -> Job:
    statement = insert(Job).values(
        id=new.id,
        tenant_id=new.tenant_id,
        variant=new.variant,
        state=JobState.QUEUED,
        priority=new.priority,
        input=new.input,
        job_metadata=new.metadata,
        batch_key=new.batch_key,
        batch_limit=new.batch_limit,
        cost_seconds=new.cost_seconds,
        max_attempts=new.max_attempts,
        deadline_seconds=new.deadline_seconds,
        unit_kind=new.unit_kind,
        units=new.units,
        price_micros=new.price_micros,
        expires_at=_from_now(new.expires_in_seconds),
        webhook=new.webhook.as_json() if new.webhook else None,
        **assigned,
    )
    return session.scalars(statement.returning(Job)).one()


def _enter_flight(session: Session, new: NewJob) -> tuple[Tenant, Tier, datetime]:
    """Count the job against its tenant's limit, which also locks the tenant's row."""
    entered = session.execute(
        update(Tenant)
        .where(Tenant.id == new.tenant_id, Tenant.suspended_at.is_(None), Tier.name == Tenant.tier)
        .values(in_flight=Tenant.in_flight + 1)
        .returning(Tenant, Tier, func.now()),
        execution_options={"populate_existing": True, "synchronize_session": False},
    ).one_or_none()
    if entered is None:
        raise TenantSuspendedError("this account is suspended; ask the operator")
    tenant, tier, now = entered
    order = list(Priority)
    if order.index(new.priority) > order.index(Priority(tier.max_priority)):
        raise PriorityNotAllowedError(new.priority, Priority(tier.max_priority))
    if tenant.in_flight > tier.max_in_flight:
        raise TooManyInFlightError(tier.max_in_flight)
    return tenant, tier, now


_CLAIM = text("""
WITH head AS MATERIALIZED (
    SELECT id, batch_key, fair_start,
        CASE WHEN attempt > 0 AND (
            SELECT outcome FROM attempts WHERE job_id = jobs.id AND number = jobs.attempt
        ) = 'worker_lost' THEN 1 ELSE batch_limit END AS batch_limit
    FROM jobs
    WHERE variant = :variant AND state = 'queued'
      AND available_at <= now() AND (expires_at IS NULL OR expires_at > now())
      AND NOT EXISTS (
          SELECT 1 FROM queues WHERE variant = :variant AND paused_at IS NOT NULL)
    ORDER BY fair_start, id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
), mates AS MATERIALIZED (
    SELECT mate.id FROM head CROSS JOIN LATERAL (
        SELECT id FROM jobs
        WHERE variant = :variant AND state = 'queued'
          AND batch_key = head.batch_key AND id <> head.id
          AND available_at <= now() AND (expires_at IS NULL OR expires_at > now())
          AND (attempt = 0 OR coalesce((
              SELECT outcome FROM attempts WHERE job_id = jobs.id AND number = jobs.attempt
          ), '') <> 'worker_lost')
        ORDER BY fair_start
        LIMIT head.batch_limit - 1
        FOR UPDATE SKIP LOCKED) AS mate
), claimed AS (
    UPDATE jobs SET
        state = 'running',
        attempt = attempt + 1,
        worker_id = :worker_id,
        leased_until = now() + make_interval(secs => :lease_seconds),
        started_at = now(),
        progress_step = 0
    WHERE id IN (SELECT id FROM head UNION ALL SELECT id FROM mates) AND state = 'queued'
    RETURNING *
), tried AS (
    INSERT INTO attempts (job_id, number, worker_id)
    SELECT id, attempt, worker_id FROM claimed
), advanced AS (
    INSERT INTO queues (variant, virtual_time)
    SELECT :variant, fair_start FROM head
    ON CONFLICT (variant) DO UPDATE
        SET virtual_time = greatest(queues.virtual_time, excluded.virtual_time)
)
SELECT * FROM claimed ORDER BY fair_start, id
""")


def claim(session: Session, *, variant: str, worker_id: str, lease_seconds: float) -> Sequence[Job]:
    """Take the fairest queued job of a queue, and the batch mates that it may run with.

    One statement: rows that another claim holds are skipped, not waited for. The commit need
    not wait for the disk: a lost claim leaves the job queued, and the fence refuses its result.

    Returns:
        The jobs, now running under a new attempt number and a lease; empty when none waits.
    """
    values = {"variant": variant, "worker_id": worker_id, "lease_seconds": lease_seconds}
    statement = select(Job).from_statement(_CLAIM.bindparams(**values))
    return session.scalars(statement, execution_options={"populate_existing": True}).all()


def renew(
    session: Session, progress: Mapping[Claim, tuple[int, int]], *, lease_seconds: float
) -> set[Claim]:
    """Extend leases and write progress (step, steps) for what a worker has in hand.

    Returns:
        The claims that still hold; a worker gives the others up.
    """
    held = set()
    for held_claim, (step, steps) in sorted(progress.items(), key=lambda item: item[0].job_id):
        statement = (
            update(Job)
            .where(_holds(held_claim))
            .values(leased_until=_from_now(lease_seconds), progress_step=step, progress_steps=steps)
            .returning(Job.id)
        )
        if session.scalar(statement) is not None:
            held.add(held_claim)
    return held


def complete(session: Session, held: Claim, result: Result, *, keep_seconds: float) -> bool:
    """Succeed: artifacts, settlement and usage event in the same transaction.

    Args:
        session: the transaction; it must be durable.
        held: the attempt that made the result.
        result: what it came to.
        keep_seconds: how long the artifacts are kept.

    Returns:
        False when the attempt was no longer the job's: nothing is written, drop the result.
    """
    values = {
        "output": result.output,
        "run_seconds": result.run_seconds,
        "store_seconds": result.store_seconds,
        "progress_step": result.steps,
        "progress_steps": result.steps,
    }
    rows = [
        _artifact_row(held, n, stored, keep_seconds) for n, stored in enumerate(result.artifacts)
    ]
    job = _end(session, _holds(held), JobState.SUCCEEDED, values, rows)
    if job is None:
        return False
    quota.settle(session, job.id, variant=job.variant)
    return True


def _artifact_row(held: Claim, n: int, stored: StoredArtifact, keep_seconds: float) -> Artifact:
    return Artifact(
        job_id=held.job_id,
        n=n,
        attempt=held.attempt,
        key=stored.key,
        media_type=stored.media_type,
        bytes=stored.size_bytes,
        sha256=stored.sha256,
        width=stored.width,
        height=stored.height,
        seed=None if stored.seed is None else str(stored.seed),
        expires_at=_from_now(keep_seconds),
    )


def fail(session: Session, held: Claim, failure: Failure) -> bool:
    """Fail for good and give the hold back; False when the attempt was no longer the job's."""
    return _fail(session, _holds(held), failure) is not None


def retry(session: Session, held: Claim, failure: Failure, *, delay_seconds: float) -> bool:
    """Queue the job again after a delay, or fail it when this was its last attempt."""
    if session.scalar(select(Job.attempt >= Job.max_attempts).where(_holds(held))):
        return fail(session, held, failure)
    return _requeue(session, _holds(held), failure.code, delay_seconds) is not None


def hand_back(session: Session, held: Claim) -> bool:
    """Queue a job again that its worker has no time to finish; it was no fault of the job's.

    Returns:
        False when the attempt was no longer the job's.
    """
    job = _requeue(session, _holds(held), "handed_back", 0)
    if job is not None:
        job.max_attempts += 1
        session.flush()
    return job is not None


def cancel(session: Session, *, tenant_id: str | None, job_id: str) -> Job | None:
    """Cancel a job that is not over, queued or running; None when it was over or not theirs.

    Args:
        session: the transaction; it must be durable.
        tenant_id: whose job it must be; None for an operator.
        job_id: which.
    """
    condition = Job.id == job_id
    if tenant_id is not None:
        condition &= Job.tenant_id == tenant_id
    job = _end(session, condition, JobState.CANCELED, {})
    if job is not None:
        _close_without_result(session, job)
    return job


def expired_ids(session: Session, *, limit: int) -> Sequence[str]:
    """Queued jobs whose time to be claimed is over, without those that someone is changing."""
    statement = select(Job.id).where(Job.state == JobState.QUEUED, Job.expires_at <= func.now())
    return _unlocked(session, statement.order_by(Job.expires_at).limit(limit))


def expire(session: Session, job_id: str) -> Job | None:
    """Expire one queued job whose time is over; None when it was claimed meanwhile."""
    job = _end(session, (Job.id == job_id) & (Job.expires_at <= func.now()), JobState.EXPIRED, {})
    if job is not None:
        _close_without_result(session, job)
    return job


def lost_ids(session: Session, *, limit: int) -> Sequence[str]:
    """Running jobs whose lease ran out, by the database's clock; as `expired_ids`."""
    statement = select(Job.id).where(Job.state == JobState.RUNNING, Job.leased_until < func.now())
    return _unlocked(session, statement.order_by(Job.leased_until).limit(limit))


def _unlocked(session: Session, statement: Select[str]) -> Sequence[str]:
    # Waiting for one row that a stuck transaction holds would keep all the others from repair.
    return session.scalars(statement.with_for_update(skip_locked=True)).all()


def recover(session: Session, job_id: str) -> Job | None:
    """Queue a job again whose worker was lost; after its last attempt it fails.

    Returns:
        The job as it is now; None when its lease was renewed or it ended meanwhile.
    """
    lost = (Job.id == job_id) & (Job.leased_until < func.now())
    job = _requeue(session, lost & (Job.attempt < Job.max_attempts), WORKER_LOST, 0)
    if job is not None:
        return job
    message = "its worker died or lost contact at every attempt"
    return _fail(session, lost, Failure(WORKER_LOST, message, retryable=True))


def _requeue(
    session: Session, condition: ColumnElement[bool], outcome: str, delay_seconds: float
) -> Job | None:
    statement = (
        update(Job)
        .where(condition, Job.state.in_(sources_of(JobState.QUEUED)))
        .values(
            state=JobState.QUEUED,
            leased_until=None,
            worker_id=None,
            available_at=_from_now(delay_seconds),
        )
        .returning(Job)
    )
    job = session.scalars(statement, execution_options={"populate_existing": True}).first()
    if job is not None:
        _end_attempt(session, job, outcome)
    return job


def _fail(session: Session, condition: ColumnElement[bool], failure: Failure) -> Job | None:
    values = {
        "error_code": failure.code,
        "error_message": failure.message,
        "error_retryable": failure.retryable,
    }
    job = _end(session, condition, JobState.FAILED, values)
    if job is not None:
        quota.release(session, job.id)
    return job


def _end(
    session: Session,
    condition: ColumnElement[bool],
    target: JobState,
    values: Mapping[str, Any],
    artifacts: Sequence[Artifact] = (),
) -> Job | None:
    """Enter a terminal state from where it may be entered; None when the guard refused.

    The webhook's delivery is entered with it: whatever ends a job tells its owner.
    """
    statement = (
        update(Job)
        .where(condition, Job.state.in_(sources_of(target)))
        .values(state=target, leased_until=None, finished_at=func.now(), **values)
        .returning(Job)
    )
    job = session.scalars(statement, execution_options={"populate_existing": True}).first()
    if job is not None:
        _end_attempt(session, job, target if target != JobState.FAILED else job.error_code)
        session.execute(
            update(Tenant).where(Tenant.id == job.tenant_id).values(in_flight=Tenant.in_flight - 1)
        )
        session.add_all(artifacts)
        deliveries.enqueue(session, job, artifacts)
    return job


def _close_without_result(session: Session, job: Job) -> None:
    quota.release(session, job.id)
    if job.attempt == 0:
        fair_share.give_back(
            session, variant=job.variant, tenant_id=job.tenant_id, share=job.fair_share
        )


def _end_attempt(session: Session, job: Job, outcome: str | None) -> None:
    session.execute(
        update(Attempt)
        .where(Attempt.job_id == job.id, Attempt.number == job.attempt)
        .where(Attempt.ended_at.is_(None))
        .values(ended_at=func.now(), outcome=outcome)
    )


def _holds(held: Claim) -> ColumnElement[bool]:
    """The fence: this attempt is the job's, and the job still runs."""
    return (Job.id == held.job_id) & (Job.attempt == held.attempt) & (Job.state == JobState.RUNNING)


def _from_now(seconds: float | None) -> ColumnElement[Any] | None:
    return None if seconds is None else func.now() + timedelta(seconds=seconds)
