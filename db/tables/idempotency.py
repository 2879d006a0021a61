"""The rows of idempotency keys."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from db.core.base import Base


class IdempotencyKey(Base):
    """A key that a tenant sent with a submission, what it sent, and the job that came of it.

    `fingerprint` is a SHA-256 of the submission: nothing of what it said can be had from it.
    """

    __tablename__ = "idempotency_keys"

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    # Deferred: the key is entered before its job, so that whoever is second waits holding nothing.
    job_id: Mapped[str] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED")
    )
    expires_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_idempotency_keys_job_id", "job_id"),
        Index("ix_idempotency_keys_expiry", "expires_at"),
    )
