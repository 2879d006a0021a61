"""Traces of jobs: stored beside the job, so that a lost ticket breaks no trace."""

from collections.abc import Collection, Mapping

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from db.tables.traces import JobTrace
from db.tables.webhooks import Delivery


def record(session: Session, job_id: str, traceparent: str) -> None:
    """Store the span that a new job was submitted under."""
    session.execute(insert(JobTrace).values(job_id=job_id, traceparent=traceparent))


def of_jobs(session: Session, job_ids: Collection[str]) -> Mapping[str, str]:
    """The `traceparent` by job; a job that was not traced has no entry."""
    rows = session.execute(
        select(JobTrace.job_id, JobTrace.traceparent).where(JobTrace.job_id.in_(job_ids))
    )
    return dict(rows.all())


def of_deliveries(session: Session, delivery_ids: Collection[str]) -> Mapping[str, str]:
    """The `traceparent` by webhook delivery; one whose job was not traced has no entry."""
    rows = session.execute(
        select(Delivery.id, JobTrace.traceparent)
        .join(JobTrace, JobTrace.job_id == Delivery.job_id)
        .where(Delivery.id.in_(delivery_ids))
    )
    return dict(rows.all())
