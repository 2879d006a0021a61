"""The contents of a job: what its tenant sent and got, apart from the row and the books.

A job whose contents were removed has an empty input, which no job otherwise has.
"""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from db.tables import Artifact, Delivery, Job, JobResumePoint
from db.values.delivery_state import DeliveryState
from db.webhooks.payload import body_of
from db.webhooks.types import Webhook


def lock_job(session: Session, *, tenant_id: str, job_id: str) -> Job | None:
    """Lock and read a tenant's job; None when there is no such job of this tenant."""
    own = select(Job).where(Job.id == job_id, Job.tenant_id == tenant_id)
    return session.scalars(
        own.with_for_update(key_share=True), execution_options={"populate_existing": True}
    ).one_or_none()


def remaining_keys(session: Session, job_id: str) -> Sequence[str]:
    """The store's keys of a job's artifacts that are not removed yet."""
    remaining = select(Artifact.key).where(Artifact.job_id == job_id, Artifact.removed_at.is_(None))
    return session.scalars(remaining.order_by(Artifact.n)).all()


def remaining_results(session: Session, job_id: str) -> tuple[int, int]:
    """The number of a job's artifacts in the store, and their bytes."""
    remaining = select(func.count(), func.coalesce(func.sum(Artifact.bytes), 0)).where(
        Artifact.job_id == job_id, Artifact.removed_at.is_(None)
    )
    count, size = session.execute(remaining).one()
    return int(count), int(size)


def has_pending_webhook(session: Session, job_id: str) -> bool:
    """True while a delivery of the job is still to be sent."""
    pending = select(Delivery.id).where(
        Delivery.job_id == job_id, Delivery.state == DeliveryState.PENDING
    )
    return bool(session.scalar(select(pending.exists())))


def remove_contents(session: Session, job: Job) -> None:
    """Remove input, metadata, output and artifacts of a finished job, also from its webhooks.

    The message of its error, which may quote the input, and the id of its task at a vendor go, too.
    Delete the objects before.
    """
    job.input, job.job_metadata, job.output, job.error_message = {}, {}, None, None
    job.surface_request, job.warnings, job.deduplication_digest = None, None, None
    session.flush()
    session.execute(delete(Artifact).where(Artifact.job_id == job.id))
    session.execute(update(JobResumePoint).where(JobResumePoint.job_id == job.id).values(note=""))
    if job.webhook is not None:
        _remove_from_webhook(session, job, Webhook.from_json(job.webhook))


# The events before the job's end stay what they tell: each has its own moment.
_EMPTIED = text("""
UPDATE deliveries SET body = jsonb_set(jsonb_set(jsonb_set(CAST(body AS jsonb),
    '{data,output}', 'null'), '{data,metadata}', '{}'), '{data,error,message}', '""', false)
WHERE job_id = :job_id
""")

# The query of a receiver's URL often names a person or an order.
_WITHOUT_QUERY = text("""
UPDATE deliveries SET url = regexp_replace(url, '[?#].*', '')
WHERE job_id = :job_id AND state <> 'pending'
""")


def _remove_from_webhook(session: Session, job: Job, webhook: Webhook) -> None:
    url = webhook.url
    if not has_pending_webhook(session, job.id):
        url = urlsplit(url)._replace(query="", fragment="").geturl()
    job.webhook = replace(webhook, url=url, secret="").as_json()
    session.flush()
    session.execute(_WITHOUT_QUERY, {"job_id": job.id})
    if webhook.is_foreign:
        session.execute(_EMPTIED, {"job_id": job.id})
        return
    body = body_of(job, webhook, ())
    session.execute(update(Delivery).where(Delivery.job_id == job.id).values(body=body))
