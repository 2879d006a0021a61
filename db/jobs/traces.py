"""Which trace a job belongs to: kept beside it, so that a lost queue breaks no trace."""

from collections.abc import Collection, Mapping

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from db.tables.traces import JobTrace
from db.tables.webhooks import Delivery


def keep(session: Session, job_id: str, traceparent: str) -> None:
    """Enter the span that a new job was submitted under."""
    session.execute(insert(JobTrace).values(job_id=job_id, traceparent=traceparent))


def of_jobs(session: Session, job_ids: Collection[str]) -> Mapping[str, str]:
    """The `traceparent` by job, of those that were traced."""
    rows = session.execute(
        select(JobTrace.job_id, JobTrace.traceparent).where(JobTrace.job_id.in_(job_ids))
    )
    return dict(rows.all())


def of_deliveries(session: Session, delivery_ids: Collection[str]) -> Mapping[str, str]:
    """The `traceparent` by webhook delivery, of those whose jobs were traced."""
    rows = session.execute(
        select(Delivery.id, JobTrace.traceparent)
        .join(JobTrace, JobTrace.job_id == Delivery.job_id)
        .where(Delivery.id.in_(delivery_ids))
    )
    return dict(rows.all())
