"""The table of idempotency keys."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from db.core.base import Base


class IdempotencyKey(Base):
    """A key that a tenant sent with a submission, and the job that the submission made."""

    __tablename__ = "idempotency_keys"

    # The tenant that sent the key; two tenants may use the same key.
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    # The value of the client's `Idempotency-Key` header.
    key: Mapped[str] = mapped_column(primary_key=True)
    # The SHA-256 of the submission: it tells two submissions apart, and reveals neither.
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    # The job that the submission made. The foreign key is deferred: the key is inserted before its
    # job, so that a second request with the same key waits while it holds no lock.
    job_id: Mapped[str] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED")
    )
    # When the key is forgotten and may be used again; the courier deletes it then.
    expires_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_idempotency_keys_job_id", "job_id"),
        Index("ix_idempotency_keys_expiry", "expires_at"),
    )
