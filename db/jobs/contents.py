"""The contents of a job: what its tenant sent and got, apart from the row and the books.

A job whose contents were removed has an empty input, which no job otherwise has.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from db.tables import Artifact, Delivery, Job
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


def remove_contents(session: Session, job: Job) -> None:
    """Remove input, metadata, output and artifacts of a finished job, also from its webhooks.

    Delete the objects before.
    """
    job.input, job.job_metadata, job.output = {}, {}, None
    job.surface_request, job.warnings, job.deduplication_digest = None, None, None
    session.flush()
    session.execute(delete(Artifact).where(Artifact.job_id == job.id))
    if job.webhook is not None:
        _remove_from_webhook(session, job, Webhook.from_json(job.webhook))


# The events before the job's end stay what they tell: each has its own moment.
_EMPTIED = text("""
UPDATE deliveries SET body = jsonb_set(
    jsonb_set(CAST(body AS jsonb), '{data,output}', 'null'), '{data,metadata}', '{}')
WHERE job_id = :job_id
""")


def _remove_from_webhook(session: Session, job: Job, webhook: Webhook) -> None:
    if webhook.is_foreign:
        job.webhook = replace(webhook, secret="").as_json()
        session.flush()
        session.execute(_EMPTIED, {"job_id": job.id})
        return
    body = body_of(job, webhook, ())
    session.execute(update(Delivery).where(Delivery.job_id == job.id).values(body=body))
