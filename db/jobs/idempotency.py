"""Idempotency keys: a submission repeated under its key returns the job that it made before."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.tables import Job
from db.tables.idempotency import IdempotencyKey

LIFETIME = timedelta(hours=24)
"""The time after which a key is forgotten."""


class KeyReusedError(Exception):
    """The key was sent before, with another submission."""

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key was sent before, with another submission")


@dataclass(frozen=True)
class KeyedSubmission:
    """A submission under a key.

    Attributes:
        fingerprint: a hash that is equal for equal submissions only.
        former: the hash that an earlier version of the service has stored for it.
    """

    tenant_id: str
    key: str
    fingerprint: bytes
    former: bytes = b""


def find(session: Session, submission: KeyedSubmission) -> Job | None:
    """Find the job that the same submission made before; None for a new or expired key.

    Raises:
        KeyReusedError: the key was sent with another submission.
    """
    statement = (
        select(IdempotencyKey.fingerprint, Job)
        .join(Job, Job.id == IdempotencyKey.job_id)
        .where(
            IdempotencyKey.tenant_id == submission.tenant_id, IdempotencyKey.key == submission.key
        )
        .where(IdempotencyKey.expires_at > func.now())
    )
    found = session.execute(statement).first()
    if found is None:
        return None
    fingerprint, job = found
    if fingerprint not in (submission.fingerprint, submission.former):
        raise KeyReusedError
    return job


def claim(session: Session, submission: KeyedSubmission, job_id: str) -> Job | None:
    """Insert the key for a job that is about to be inserted, or find the job that has it already.

    It must be the first statement of the transaction. A second request with the same key waits
    here until the first one commits or rolls back, and holds no other lock while it waits.

    Returns:
        None when the key now belongs to the new job.

    Raises:
        KeyReusedError: the key was sent with another submission.
    """
    own = {
        "fingerprint": submission.fingerprint,
        "job_id": job_id,
        "expires_at": func.now() + LIFETIME,
    }
    statement = insert(IdempotencyKey).values(
        tenant_id=submission.tenant_id, key=submission.key, **own
    )
    claimed = session.scalar(
        statement.on_conflict_do_update(
            index_elements=[IdempotencyKey.tenant_id, IdempotencyKey.key],
            set_=own,
            where=IdempotencyKey.expires_at <= func.now(),
        ).returning(IdempotencyKey.key)
    )
    return find(session, submission) if claimed is None else None


def forget(session: Session, *, tenant_id: str, job_id: str) -> int:
    """Delete the keys of a tenant's job, so that the same submission makes a new job.

    Call it before the job's row is locked: a submission takes the locks in this order.

    Returns:
        The number deleted.
    """
    own = (IdempotencyKey.job_id == job_id) & (IdempotencyKey.tenant_id == tenant_id)
    removal = delete(IdempotencyKey).where(own)
    return len(session.scalars(removal.returning(IdempotencyKey.key)).all())


def forget_tenant(session: Session, tenant_id: str, *, limit: int) -> int:
    """Delete keys of a tenant, `limit` at most; the number deleted."""
    primary = (IdempotencyKey.tenant_id, IdempotencyKey.key)
    own = select(*primary).where(IdempotencyKey.tenant_id == tenant_id).limit(limit)
    removal = delete(IdempotencyKey).where(tuple_(*primary).in_(own.with_for_update()))
    return len(session.scalars(removal.returning(IdempotencyKey.key)).all())


def delete_expired(session: Session, limit: int) -> int:
    """Delete expired keys, `limit` at most; the number deleted."""
    primary = (IdempotencyKey.tenant_id, IdempotencyKey.key)
    expired = (
        select(*primary)
        .where(IdempotencyKey.expires_at <= func.now())
        .order_by(IdempotencyKey.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    removal = delete(IdempotencyKey).where(tuple_(*primary).in_(expired))
    return len(session.scalars(removal.returning(IdempotencyKey.key)).all())
