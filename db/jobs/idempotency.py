"""Idempotency keys: what is sent again under its key is answered with the job it made before."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.tables import Job
from db.tables.idempotency import IdempotencyKey

KEEP = timedelta(hours=24)
"""How long a key is remembered."""


class KeyReusedError(Exception):
    """The key was sent before, with another submission."""

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key was sent before, with another submission")


@dataclass(frozen=True)
class KeyedSubmission:
    """A submission under a key.

    Attributes:
        fingerprint: the same for the same submission, and for no other.
    """

    tenant_id: str
    key: str
    fingerprint: bytes


def find(session: Session, sent: KeyedSubmission) -> Job | None:
    """The job that the same submission made before; None for a key that is new or expired.

    Raises:
        KeyReusedError: the key was sent with another submission.
    """
    statement = (
        select(IdempotencyKey.fingerprint, Job)
        .join(Job, Job.id == IdempotencyKey.job_id)
        .where(IdempotencyKey.tenant_id == sent.tenant_id, IdempotencyKey.key == sent.key)
        .where(IdempotencyKey.expires_at > func.now())
    )
    found = session.execute(statement).first()
    if found is None:
        return None
    fingerprint, job = found
    if fingerprint != sent.fingerprint:
        raise KeyReusedError
    return job


def claim(session: Session, sent: KeyedSubmission, job_id: str) -> Job | None:
    """Enter the key for a job that is about to be inserted, or find the job that has it already.

    It must be the transaction's first statement: whoever sends the same at the same time waits
    here for the first to commit or roll back, and waits holding no other lock.

    Returns:
        None when the key is the new job's now.

    Raises:
        KeyReusedError: the key was sent with another submission.
    """
    own = {
        "fingerprint": sent.fingerprint,
        "job_id": job_id,
        "expires_at": func.now() + KEEP,
    }
    statement = insert(IdempotencyKey).values(tenant_id=sent.tenant_id, key=sent.key, **own)
    claimed = session.scalar(
        statement.on_conflict_do_update(
            index_elements=[IdempotencyKey.tenant_id, IdempotencyKey.key],
            set_=own,
            where=IdempotencyKey.expires_at <= func.now(),
        ).returning(IdempotencyKey.key)
    )
    return find(session, sent) if claimed is None else None


def forget_expired(session: Session, limit: int) -> int:
    """Remove keys that are remembered no longer, `limit` at most; the number removed."""
    primary = (IdempotencyKey.tenant_id, IdempotencyKey.key)
    over = (
        select(*primary)
        .where(IdempotencyKey.expires_at <= func.now())
        .order_by(IdempotencyKey.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = delete(IdempotencyKey).where(tuple_(*primary).in_(over))
    return len(session.scalars(gone.returning(IdempotencyKey.key)).all())
