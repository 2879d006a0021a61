"""Ends without a result, and returns to the queue: each a guarded UPDATE of a job's state.

Success is in `db.jobs.complete`. Locks are always taken in this order, so that no two
transactions deadlock: the idempotency key, the job, its inputs' records, its tenant, the
allowance, the fair-share tag, the queue. A caller that changes many jobs uses one transaction for
each, or locks them in the order of their ids.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, text, update
from sqlalchemy.orm import Session

from db.billing import holds
from db.billing.cancellation import settle_canceled
from db.core.clock import from_now
from db.jobs import fair_share
from db.jobs.types import Claim, Failure
from db.tables import Job, JobResumePoint
from db.tables.index_predicates import state_is
from db.values.job_state import JobState, sources_of
from db.webhooks import deliveries

WORKER_LOST = "worker_lost"

_DECREMENT_IN_FLIGHT = text("UPDATE tenants SET in_flight = in_flight - 1 WHERE id = :tenant_id")

_END_ATTEMPT = text("""
UPDATE attempts SET ended_at = now(), outcome = :outcome
WHERE job_id = :job_id AND number = :number AND ended_at IS NULL
""")


def fail_job(session: Session, claim: Claim, failure: Failure) -> JobState | None:
    """Fail for good and release the hold; a job that its owner has canceled is canceled instead.

    Returns:
        The state that the job entered; None when the claim was no longer valid.
    """
    return _state_of(_fail(session, _is_valid(claim), failure))


def retry_job(
    session: Session, claim: Claim, failure: Failure, *, delay_seconds: float
) -> JobState | None:
    """Queue the job again after a delay, or end it as `fail_job` when this was its last attempt.

    Returns:
        The state that the job entered; None when the claim was no longer valid.
    """
    if session.scalar(select(Job.attempt >= Job.max_attempts).where(_is_valid(claim))):
        return fail_job(session, claim, failure)
    return _state_of(_requeue(session, _is_valid(claim), failure.code, delay_seconds))


def _state_of(job: Job | None) -> JobState | None:
    return None if job is None else JobState(job.state)


def hand_back_job(session: Session, claim: Claim) -> bool:
    """Queue a job again because its worker has no time to finish it.

    It is not the job's fault: the attempt does not count against its limit.

    Returns:
        False when the claim was no longer valid.
    """
    job = _requeue(session, _is_valid(claim), "handed_back", 0)
    if job is not None:
        job.max_attempts += 1
        session.flush()
    return job is not None


def cancel_job(session: Session, *, tenant_id: str | None, job_id: str) -> Job | None:
    """Cancel a queued or running job; None when it had finished or belongs to another tenant.

    An operator's cancellation is free, and ends the job. An owner's depends on the job: a queued
    one ends and is free. One that runs on an own device ends, and is charged for what ran by the
    rule of the tier. A hosted one that a vendor may have goes on, with `cancel_requested_at` set:
    it succeeds and is charged if the vendor delivers, and is canceled otherwise.

    Args:
        session: the transaction; it must be durable.
        tenant_id: the owner that the job must have; None for an operator.
        job_id: the job.
    """
    if tenant_id is None:
        job = _end(session, Job.id == job_id, JobState.CANCELED, {})
        if job is not None:
            _close_without_result(session, job)
        return job
    own = (Job.id == job_id) & (Job.tenant_id == tenant_id)
    # Locked first: no worker may claim or complete it between the statements.
    session.execute(select(Job.id).where(own).with_for_update())
    return _request_cancellation(session, own) or _cancel_own(session, own)


def _request_cancellation(session: Session, condition: ColumnElement[bool]) -> Job | None:
    """Mark a hosted job that a vendor may have; None for any other job."""
    task = select(JobResumePoint.job_id).where(
        JobResumePoint.job_id == Job.id, JobResumePoint.note != ""
    )
    running = Job.state == JobState.RUNNING
    statement = (
        update(Job)
        .where(condition, Job.vendor_micros.is_not(None))
        .where(running | ((Job.state == JobState.QUEUED) & task.exists()))
        .values(cancel_requested_at=func.coalesce(Job.cancel_requested_at, func.now()))
        .returning(Job)
    )
    return session.scalars(statement, execution_options={"populate_existing": True}).first()


def _cancel_own(session: Session, condition: ColumnElement[bool]) -> Job | None:
    job = _end(session, condition, JobState.CANCELED, {})
    if job is None:
        return None
    # The claim writes the worker, and a return to the queue clears it: the job was running.
    if job.worker_id is not None:
        settle_canceled(session, job)
    else:
        _close_without_result(session, job)
    return job


def expired_job_ids(session: Session, *, limit: int) -> Sequence[str]:
    """Queued jobs past their expiry, except those that another transaction has locked."""
    statement = select(Job.id).where(state_is(JobState.QUEUED), Job.expires_at <= func.now())
    return _unlocked(session, statement.order_by(Job.expires_at).limit(limit))


def expire_job(session: Session, job_id: str) -> Job | None:
    """Expire one queued job past its expiry; None when it was claimed meanwhile."""
    job = _end(session, (Job.id == job_id) & (Job.expires_at <= func.now()), JobState.EXPIRED, {})
    if job is not None:
        _close_without_result(session, job)
    return job


def expired_lease_ids(session: Session, *, limit: int) -> Sequence[str]:
    """Running jobs whose lease has run out, except those that another transaction has locked."""
    statement = select(Job.id).where(state_is(JobState.RUNNING), Job.leased_until < func.now())
    return _unlocked(session, statement.order_by(Job.leased_until).limit(limit))


def _unlocked(session: Session, statement: Select[str]) -> Sequence[str]:
    # To wait for one row that a stuck transaction has locked would block the repair of all others.
    return session.scalars(statement.with_for_update(skip_locked=True)).all()


def rescue_job(session: Session, job_id: str) -> Job | None:
    """Queue a job again whose worker was lost, or fail it after its last attempt.

    Returns:
        The changed job; None when its lease was renewed or it ended meanwhile.
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
            available_at=from_now(delay_seconds),
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
    requested = Job.cancel_requested_at.is_not(None)
    job = _end(session, condition & ~requested, JobState.FAILED, values) or _end(
        session, condition & requested, JobState.CANCELED, {}
    )
    if job is not None:
        holds.release(session, job.id)
    return job


def _end(
    session: Session,
    condition: ColumnElement[bool],
    target: JobState,
    values: Mapping[str, Any],
) -> Job | None:
    """End a job without a result; None when its state or the condition did not allow it.

    The webhook's delivery is inserted with it: every end of a job notifies its owner.
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
        session.execute(_DECREMENT_IN_FLIGHT, {"tenant_id": job.tenant_id})
        deliveries.enqueue(session, job, ())
    return job


def _close_without_result(session: Session, job: Job) -> None:
    holds.release(session, job.id)
    if job.attempt == 0:
        fair_share.give_back(
            session, variant=job.variant, tenant_id=job.tenant_id, share=job.fair_share
        )


def _end_attempt(session: Session, job: Job, outcome: str | None) -> None:
    values = {"job_id": job.id, "number": job.attempt, "outcome": outcome}
    session.execute(_END_ATTEMPT, values)


def _is_valid(claim: Claim) -> ColumnElement[bool]:
    """The fence: the claim is of the job's newest attempt, and the job still runs."""
    newest = (Job.id == claim.job_id) & (Job.attempt == claim.attempt)
    return newest & (Job.state == JobState.RUNNING)
