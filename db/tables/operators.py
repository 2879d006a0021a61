"""The rows of what operators do: sign-ins, the log of every change, and which jobs they retried."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, LargeBinary, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.core.base import Base


class KeySession(Base):
    """A browser that signed in with a key; its cookie is kept as a hash alone."""

    # Operators' alone at first; renamed, it would be missed by the code that a release replaces.
    __tablename__ = "operator_sessions"

    token_sha256: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]

    __table_args__ = (Index("ix_operator_sessions_expiry", "expires_at"),)


class AuditEntry(Base):
    """One change by an operator, never changed itself.

    `actor` is the id of the operator's key, or `cli:` and who typed the command; `before` and
    `after` hold what changed, as JSON; `request_id` is the call's, "" where there was none.
    """

    __tablename__ = "audit_entries"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor: Mapped[str]
    actor_name: Mapped[str]
    action: Mapped[str]
    target: Mapped[str] = mapped_column(index=True)
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    request_id: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (
        Index("ix_audit_entries_actor", "actor", text("id DESC")),
        Index("ix_audit_entries_action", "action", text("id DESC")),
    )


class JobRetry(Base):
    """A failed job that an operator had done again, once, as another job."""

    __tablename__ = "job_retries"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    retried_as: Mapped[str]
