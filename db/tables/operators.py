"""The tables of operators: sign-ins, the audit log, and the jobs that they retried."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, LargeBinary, false, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.core.base import Base


class KeySession(Base):
    """A browser that signed in with an API key, or a link that opens one such session.

    Only a hash of the cookie's or the link's token is stored.
    """

    # The name dates from when only operators signed in. It stays, since the old code still uses
    # it while a release is rolled out.
    __tablename__ = "operator_sessions"

    # The SHA-256 of the token.
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    # The API key that opened the session; revoking it ends the session.
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"))
    # When the browser signed in.
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # When the session ends by itself; a later sign-in deletes the row.
    expires_at: Mapped[datetime]
    # True for a one-time link: it opens one session, and is none itself.
    is_link: Mapped[bool] = mapped_column(default=False, server_default=false())

    __table_args__ = (Index("ix_operator_sessions_expiry", "expires_at"),)


class AuditEntry(Base):
    """One act of an operator, never changed itself; a change is written in its own transaction."""

    __tablename__ = "audit_entries"

    # Counts the entries.
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    # When the operator acted.
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    # The id of the operator's key, `cli:` and the user who typed the command, or `unknown` for a
    # refused sign-in.
    actor: Mapped[str]
    # The name of the key or user at that time.
    actor_name: Mapped[str]
    # The act as `thing.verb`, e.g. `queue.pause`, `job.read` or `operator.sign_in`.
    action: Mapped[str]
    # The id or name of what was changed or read.
    target: Mapped[str] = mapped_column(index=True)
    # The changed values before, as JSON; `{}` if none. Never a secret or a job's input.
    before: Mapped[dict[str, Any]]
    # The changed values after, as JSON; as `before`.
    after: Mapped[dict[str, Any]]
    # The id of the HTTP request; "" if there was none.
    request_id: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (
        Index("ix_audit_entries_actor", "actor", text("id DESC")),
        Index("ix_audit_entries_action", "action", text("id DESC")),
    )


class JobRetry(Base):
    """A failed job that an operator submitted again, at most once, as a new job."""

    __tablename__ = "job_retries"

    # The failed job; the primary key lets only one retry through.
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    # The id of the new job.
    retried_as: Mapped[str]
