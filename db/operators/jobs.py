"""What operators do to jobs: cancel, do again; one, or all that match, each change audited.

Doing a failed job again means another job: the same input, priced as before, with a hold of its
own. The failed one stays as it was, and is done again at most once, so no bill is touched.
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
from db.jobs.types import Accepted, NewJob
from db.operators import audit
from db.operators.audit import Actor
from db.tables import Job
from db.tables.index_predicates import state_is
from db.tables.operators import JobRetry
from db.values.job_state import ACTIVE, JobState, Priority
from db.values.pricing import UnitKind
from db.webhooks.types import Webhook


class BulkAction(StrEnum):
    """What is done to all jobs that match."""

    CANCEL = "cancel"
    RETRY = "retry"


@dataclass(frozen=True)
class Reach:
    """What an action would reach now.

    Attributes:
        jobs: exactly how many.
        price_micros: the sum of their quotes: what a cancel gives up, or a retry sets aside.
        last_id: the newest of them, "" without any: what comes later is not reached.
    """

    jobs: int
    price_micros: int
    last_id: str


def cancel(session: Session, actor: Actor, job_id: str) -> Job | None:
    """Cancel a job that is not over; None when it was."""
    before = session.scalar(select(Job.state).where(Job.id == job_id))
    job = cancel_job(session, tenant_id=None, job_id=job_id)
    if job is not None:
        after = {"state": job.state}
        audit.record(session, actor, "job.cancel", job_id, before={"state": before}, after=after)
    return job


def retry(session: Session, actor: Actor, job_id: str) -> Accepted | None:
    """Do a failed job again, as a new one; None when it did not fail, or was done again before.

    Raises:
        db.tenants.tenants.TenantSuspendedError: its tenant may not submit.
        db.jobs.types.TooManyInFlightError: its tenant has as many unfinished jobs as it may.
        db.jobs.types.PriorityNotAllowedError: its tenant's tier was lowered meanwhile.
        db.billing.holds.InsufficientCreditError: its tenant cannot pay for it.
    """
    job = session.get(Job, job_id, populate_existing=True)
    if job is None or job.state != JobState.FAILED:
        return None
    new = _again(job)
    # The key lets one of two operators through; the other waits for it, and then finds it taken.
    marked = insert(JobRetry).values(job_id=job_id, retried_as=new.id)
    statement = marked.on_conflict_do_nothing(index_elements=["job_id"]).returning(JobRetry.job_id)
    if session.scalar(statement) is None:
        return None
    stored_inputs.note_uses_again(session, job.input)
    accepted = submit_job(session, new)
    audit.record(session, actor, "job.retry", job_id, after={"retried_as": new.id})
    return accepted


def _again(job: Job) -> NewJob:
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
    )


def retried_as(session: Session, job_id: str) -> str | None:
    """The job that a failed one was done again as; None when it was not."""
    return session.scalar(select(JobRetry.retried_as).where(JobRetry.job_id == job_id))


def reach(
    session: Session,
    action: BulkAction,
    sought: JobSearch,
    *,
    last_id: str | None = None,
    after_id: str = "",
) -> Reach:
    """What an action would reach of the jobs that match, counted by one statement.

    Args:
        session: the transaction.
        action: what is to be done.
        sought: what must hold of a job.
        last_id: newer jobs do not count; None counts all.
        after_id: this job and older ones do not count.
    """
    price = func.coalesce(func.sum(Job.price_micros), 0)
    newest = func.coalesce(func.max(Job.id), "")
    statement = select(func.count(), price, newest).where(
        *_reached(action, sought), Job.id > after_id
    )
    if last_id is not None:
        statement = statement.where(Job.id <= last_id)
    row = session.execute(statement).one()
    return Reach(int(row[0]), int(row[1]), str(row[2]))


def reached_ids(
    session: Session,
    action: BulkAction,
    sought: JobSearch,
    *,
    last_id: str,
    limit: int,
    after_id: str = "",
) -> Sequence[str]:
    """The ids that an action would reach, in order, up to one of them."""
    within = (Job.id > after_id, Job.id <= last_id)
    found = select(Job.id).where(*_reached(action, sought), *within)
    return session.scalars(found.order_by(Job.id).limit(limit)).all()


def _reached(action: BulkAction, sought: JobSearch) -> list[ColumnElement[bool]]:
    if action == BulkAction.CANCEL:
        return [*conditions(sought), state_is(*sorted(ACTIVE))]
    again = select(JobRetry.job_id).where(JobRetry.job_id == Job.id)
    return [*conditions(sought), state_is(JobState.FAILED), ~again.exists()]
