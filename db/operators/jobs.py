"""Operators' actions on jobs: cancel or retry one job or all that match; each change is audited.

A retry of a failed job makes a new job with the same input, the same price and a hold of its own.
The failed job stays as it is, and can be retried once: no bill changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.artifacts import inputs as stored_inputs
from db.core.base import new_id
from db.jobs.finish import cancel_job
from db.jobs.search import JobSearch, conditions
from db.jobs.submit import submit_job
from db.jobs.types import AcceptedJob, NewJob, Origin, RequestWarning
from db.operators import audit
from db.operators.audit import Actor
from db.tables import Job
from db.tables.index_predicates import state_is
from db.tables.operators import JobRetry
from db.values.job_state import ACTIVE, JobState, Priority
from db.values.pricing import UnitKind
from db.values.surfaces import SurfaceName
from db.webhooks.types import Webhook


class BulkAction(StrEnum):
    """An action on all jobs that match."""

    CANCEL = "cancel"
    RETRY = "retry"


@dataclass(frozen=True)
class BulkScope:
    """The jobs that a bulk action would change now.

    Attributes:
        jobs: their exact number.
        price_micros: the sum of their quotes: a cancel gives it up, a retry reserves it.
        last_id: the newest of them, "" without any; the action leaves newer jobs alone.
    """

    jobs: int
    price_micros: int
    last_id: str


def cancel(session: Session, actor: Actor, job_id: str) -> Job | None:
    """Cancel an unfinished job; None when it had finished."""
    before = session.scalar(select(Job.state).where(Job.id == job_id))
    job = cancel_job(session, tenant_id=None, job_id=job_id)
    if job is not None:
        after = {"state": job.state}
        audit.record(session, actor, "job.cancel", job_id, before={"state": before}, after=after)
    return job


def retry(session: Session, actor: Actor, job_id: str) -> AcceptedJob | None:
    """Retry a failed job as a new one.

    Returns:
        None when it did not fail, was retried before, or its contents were removed.

    Raises:
        db.tenants.tenants.TenantSuspendedError: its tenant may not submit.
        db.jobs.types.TooManyInFlightError: its tenant has reached its limit of unfinished jobs.
        db.jobs.types.PriorityNotAllowedError: its tenant's tier was lowered meanwhile.
        db.billing.holds.InsufficientCreditError: its tenant cannot pay for it.
        db.artifacts.storage_limit.StorageFullError: its tenant has no space for another result.
    """
    job = session.get(Job, job_id, populate_existing=True)
    if job is None or job.state != JobState.FAILED or not job.input:
        return None
    new = _copy_of(job)
    # The primary key lets one of two operators through; the other waits, and then gets no row.
    marked = insert(JobRetry).values(job_id=job_id, retried_as=new.id)
    statement = marked.on_conflict_do_nothing(index_elements=["job_id"]).returning(JobRetry.job_id)
    if session.scalar(statement) is None:
        return None
    stored_inputs.record_reuse(session, job.input)
    accepted = submit_job(session, new)
    audit.record(session, actor, "job.retry", job_id, after={"retried_as": new.id})
    return accepted


def _copy_of(job: Job) -> NewJob:
    return NewJob(
        id=new_id("job"),
        tenant_id=job.tenant_id,
        variant=job.variant,
        input=job.input,
        priority=Priority(job.priority),
        batch_key=job.batch_key,
        batch_limit=job.batch_limit,
        cost_seconds=job.cost_seconds,
        deadline_seconds=job.deadline_seconds,
        unit_kind=UnitKind(job.unit_kind),
        units=job.units,
        price_micros=job.price_micros,
        expires_in_seconds=None,
        metadata=job.job_metadata,
        webhook=Webhook.from_json(job.webhook) if job.webhook else None,
        vendor_micros=job.vendor_micros,
        keep_seconds=job.keep_seconds,
        # Without the digest: the client that sent the failed one gets a job of its own.
        origin=Origin(SurfaceName(job.surface), job.surface_request, _warnings_of(job)),
    )


def _warnings_of(job: Job) -> tuple[RequestWarning, ...]:
    return tuple(RequestWarning(**entry) for entry in job.warnings or ())


def retried_as(session: Session, job_id: str) -> str | None:
    """The id of the retry of a failed job; None when it was not retried."""
    return session.scalar(select(JobRetry.retried_as).where(JobRetry.job_id == job_id))


def bulk_scope(
    session: Session,
    action: BulkAction,
    criteria: JobSearch,
    *,
    last_id: str | None = None,
    after_id: str = "",
) -> BulkScope:
    """Count the jobs that match and that an action would change, in one statement.

    Args:
        session: the transaction.
        action: the action.
        criteria: the conditions on the jobs.
        last_id: newer jobs do not count; None counts all.
        after_id: this job and older ones do not count.
    """
    price = func.coalesce(func.sum(Job.price_micros), 0)
    newest = func.coalesce(func.max(Job.id), "")
    statement = select(func.count(), price, newest).where(
        *_bulk_conditions(action, criteria), Job.id > after_id
    )
    if last_id is not None:
        statement = statement.where(Job.id <= last_id)
    row = session.execute(statement).one()
    return BulkScope(int(row[0]), int(row[1]), str(row[2]))


def bulk_job_ids(
    session: Session,
    action: BulkAction,
    criteria: JobSearch,
    *,
    last_id: str,
    limit: int,
    after_id: str = "",
) -> Sequence[str]:
    """The ids of the jobs that an action would change, in order, up to one of them."""
    within = (Job.id > after_id, Job.id <= last_id)
    found = select(Job.id).where(*_bulk_conditions(action, criteria), *within)
    return session.scalars(found.order_by(Job.id).limit(limit)).all()


def _bulk_conditions(action: BulkAction, criteria: JobSearch) -> list[ColumnElement[bool]]:
    if action == BulkAction.CANCEL:
        return [*conditions(criteria), state_is(*sorted(ACTIVE))]
    retries = select(JobRetry.job_id).where(JobRetry.job_id == Job.id)
    has_contents = Job.input != {}
    return [*conditions(criteria), state_is(JobState.FAILED), ~retries.exists(), has_contents]
