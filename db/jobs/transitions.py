"""Every change of a job's state but its success, each a guarded UPDATE in the caller's transaction.

Locks are always taken in this order, so that no two transactions wait for each other: the
idempotency key, the job, its tenant, the allowance, the fair-share tag, the queue. Whoever
changes many jobs does so one transaction a job, or locks them in the order of their ids.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    Row,
    Select,
    String,
    column,
    func,
    select,
    update,
)
from sqlalchemy.orm import Session

from db.billing import holds as quota
from db.jobs import fair_share
from db.jobs import statements as job_statements
from db.jobs.types import (
    Accepted,
    Claim,
    Claimed,
    Failure,
    NewJob,
    PriorityNotAllowedError,
    SuspectsTurn,
    TenantSuspendedError,
    TooManyInFlightError,
)
from db.tables import Job
from db.tables.index_predicates import state_is
from db.tenants import api_keys
from db.values.job_state import PRIORITY_FACTOR, JobState, Priority, sources_of
from db.webhooks import deliveries
from db.webhooks import secrets as webhook_secrets

WORKER_LOST = "worker_lost"

_INSERTED = select(Job).from_statement(job_statements.INSERT)
_CLAIMED = select(Job, column("more", Boolean)).from_statement(job_statements.CLAIM)
_SUBMITTED = select(Job, column("tier", String), column("quota_left", Integer)).from_statement(
    job_statements.SUBMIT
)


def submit(session: Session, new: NewJob) -> Accepted:
    """Insert a queued job, place its hold and assign its fair-share tag.

    Raises:
        db.tenants.api_keys.InvalidKeyError: the key that it was sent with has been revoked.
        TenantSuspendedError: the tenant may not submit.
        PriorityNotAllowedError: the tier does not include the priority.
        TooManyInFlightError: the tier's limit of unfinished jobs is reached.
        db.billing.holds.InsufficientCreditError: neither allowance nor balance covers it.
    """
    accepted = submit_at_once(session, new) or _submit_in_steps(session, new)
    if new.webhook is not None:
        webhook_secrets.ensure(session, new.tenant_id)
    return accepted


def submit_at_once(session: Session, new: NewJob) -> Accepted | None:
    """Submit in one statement what the month's allowance covers and nobody is to be told of.

    The statement needs no transaction around it, which would keep the tenant's row for longer.

    Returns:
        None when that cannot be, and nothing was changed: `submit` does it, or says why not.
    """
    row = session.execute(_SUBMITTED, _submission(new)).one_or_none()
    return None if row is None else Accepted(row.Job, row.tier, row.quota_left)


def _submission(new: NewJob) -> dict[str, Any]:
    order = list(Priority)
    return _columns(new) | {
        "api_key_id": new.api_key_id,
        "tier_priorities": [str(p) for p in order[order.index(new.priority) :]],
        "priority_factor": PRIORITY_FACTOR[new.priority],
    }


def _submit_in_steps(session: Session, new: NewJob) -> Accepted:
    """For the first job of a month, for who pays from the balance, and to say why it is refused."""
    if new.api_key_id is not None:
        api_keys.check(session, new.api_key_id)
    tier = _increment_in_flight(session, new)
    cover = quota.place_hold(
        session,
        tenant_id=new.tenant_id,
        month=quota.month_of(tier.now),
        kind=new.unit_kind,
        granted=quota.allowance_granted(tier, new.unit_kind),
        units=new.units,
        price=new.price_micros,
    )
    share = fair_share.share_of(new.cost_seconds, tier.weight, new.priority)
    start = fair_share.assign(session, variant=new.variant, tenant_id=new.tenant_id, share=share)
    assigned = {"covered_by": cover.source, "fair_share": share, "fair_start": start}
    job = session.scalars(_INSERTED, _columns(new) | assigned).one()
    quota.record_hold(session, job, cover)
    return Accepted(job, tier=tier.name, quota_left=cover.allowance_left)


def _columns(new: NewJob) -> dict[str, Any]:
    return {
        "id": new.id,
        "tenant_id": new.tenant_id,
        "variant": new.variant,
        "priority": new.priority,
        "input": new.input,
        "metadata": new.metadata,
        "batch_key": new.batch_key,
        "batch_limit": new.batch_limit,
        "cost_seconds": new.cost_seconds,
        "max_attempts": new.max_attempts,
        "deadline_seconds": new.deadline_seconds,
        "unit_kind": new.unit_kind,
        "units": new.units,
        "price_micros": new.price_micros,
        "expires_in_seconds": new.expires_in_seconds,
        "webhook": new.webhook.as_json() if new.webhook else None,
        "request_id": new.request_id,
    }


def _increment_in_flight(session: Session, new: NewJob) -> Row[Any]:
    """Count the job against its tenant's limit, which also locks the tenant's row.

    Returns:
        The tier's columns, and `now` by the database's clock.
    """
    tier = session.execute(
        job_statements.INCREMENT_IN_FLIGHT, {"tenant_id": new.tenant_id}
    ).one_or_none()
    if tier is None:
        raise TenantSuspendedError
    order = list(Priority)
    if order.index(new.priority) > order.index(Priority(tier.max_priority)):
        raise PriorityNotAllowedError(new.priority, Priority(tier.max_priority))
    if tier.in_flight > tier.max_in_flight:
        raise TooManyInFlightError(tier.max_in_flight)
    return tier


def claim(
    session: Session,
    *,
    variant: str,
    worker_id: str,
    lease_seconds: float,
    suspects: bool = True,
) -> Claimed:
    """Take the fairest queued job of a queue, and the batch mates that it may run with.

    One statement: rows that another claim holds are skipped, not waited for. The commit need
    not wait for the disk: a lost claim leaves the job queued, and the fence refuses its result.

    A job is suspect whose last attempt lost its worker. It comes without mates, since whatever
    killed that worker may kill the next with all that it has in hand.

    Args:
        session: the transaction; it need not be durable.
        variant: the queue.
        worker_id: who claims.
        lease_seconds: for how long, unless renewed.
        suspects: whether the claimer has nothing else in hand, and can take a suspect.

    Returns:
        The jobs, now running under a new attempt number and a lease; none when none waits.

    Raises:
        SuspectsTurn: it is a suspect's turn, and none is taken; nothing was claimed.
    """
    values = {
        "variant": variant,
        "worker_id": worker_id,
        "lease_seconds": lease_seconds,
        "suspects": suspects,
    }
    rows = session.execute(_CLAIMED, values, execution_options={"populate_existing": True}).all()
    if rows and rows[0].Job is None:
        raise SuspectsTurn
    return Claimed(tuple(row.Job for row in rows), more=any(row.more for row in rows))


def renew(
    session: Session, progress: Mapping[Claim, tuple[int, int]], *, lease_seconds: float
) -> set[Claim]:
    """Extend leases and write progress (step, steps) for what a worker has in hand.

    Returns:
        The claims that still hold; a worker gives the others up.
    """
    statement = job_statements.RENEW.bindparams(
        job_ids=[held.job_id for held in progress],
        attempts=[held.attempt for held in progress],
        steps=[step for step, _ in progress.values()],
        of_steps=[steps for _, steps in progress.values()],
        lease_seconds=lease_seconds,
    )
    return {Claim(row.id, row.attempt) for row in session.execute(statement)}


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
    statement = select(Job.id).where(state_is(JobState.QUEUED), Job.expires_at <= func.now())
    return _unlocked(session, statement.order_by(Job.expires_at).limit(limit))


def expire(session: Session, job_id: str) -> Job | None:
    """Expire one queued job whose time is over; None when it was claimed meanwhile."""
    job = _end(session, (Job.id == job_id) & (Job.expires_at <= func.now()), JobState.EXPIRED, {})
    if job is not None:
        _close_without_result(session, job)
    return job


def expired_lease_ids(session: Session, *, limit: int) -> Sequence[str]:
    """Running jobs whose lease ran out, by the database's clock; as `expired_ids`."""
    statement = select(Job.id).where(state_is(JobState.RUNNING), Job.leased_until < func.now())
    return _unlocked(session, statement.order_by(Job.leased_until).limit(limit))


def _unlocked(session: Session, statement: Select[str]) -> Sequence[str]:
    # Waiting for one row that a stuck transaction holds would keep all the others from repair.
    return session.scalars(statement.with_for_update(skip_locked=True)).all()


def rescue(session: Session, job_id: str) -> Job | None:
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
) -> Job | None:
    """End without a result, from where that may be done; None when the guard refused.

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
        session.execute(job_statements.DECREMENT_IN_FLIGHT, {"tenant_id": job.tenant_id})
        deliveries.enqueue(session, job, ())
    return job


def _close_without_result(session: Session, job: Job) -> None:
    quota.release(session, job.id)
    if job.attempt == 0:
        fair_share.give_back(
            session, variant=job.variant, tenant_id=job.tenant_id, share=job.fair_share
        )


def _end_attempt(session: Session, job: Job, outcome: str | None) -> None:
    values = {"job_id": job.id, "number": job.attempt, "outcome": outcome}
    session.execute(job_statements.END_ATTEMPT, values)


def _holds(held: Claim) -> ColumnElement[bool]:
    """The fence: this attempt is the job's, and the job still runs."""
    return (Job.id == held.job_id) & (Job.attempt == held.attempt) & (Job.state == JobState.RUNNING)


def _from_now(seconds: float | None) -> ColumnElement[Any] | None:
    return None if seconds is None else func.now() + timedelta(seconds=seconds)
