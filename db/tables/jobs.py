"""Jobs, their attempts, and the queues they wait in."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION
from sqlalchemy.orm import Mapped, mapped_column

from db.core.base import Base
from db.values.job_state import ACTIVE, JobState

_states = ", ".join(f"'{state}'" for state in JobState)
_active = ", ".join(f"'{state}'" for state in sorted(ACTIVE))


class Job(Base):
    """One commission: the truth about it.

    `fair_start` orders the queue; `attempt` is the fence; `leased_until` is by the database's
    clock. `price_micros` is the quote, snapshotted. `input` is validated and self-contained:
    pictures in it are references to stored objects. `webhook` is a `db.webhooks.types.Webhook`.
    """

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    variant: Mapped[str]
    state: Mapped[str]
    priority: Mapped[str]
    input: Mapped[dict[str, Any]]
    job_metadata: Mapped[dict[str, Any]] = mapped_column("metadata")

    batch_key: Mapped[str]
    batch_limit: Mapped[int]
    cost_seconds: Mapped[float] = mapped_column(DOUBLE_PRECISION)
    fair_share: Mapped[float] = mapped_column(DOUBLE_PRECISION)
    fair_start: Mapped[float] = mapped_column(DOUBLE_PRECISION)

    attempt: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int]
    worker_id: Mapped[str | None]
    leased_until: Mapped[datetime | None]
    available_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    deadline_seconds: Mapped[float] = mapped_column(DOUBLE_PRECISION)

    progress_step: Mapped[int] = mapped_column(default=0)
    progress_steps: Mapped[int] = mapped_column(default=0)

    unit_kind: Mapped[str]
    units: Mapped[int]
    price_micros: Mapped[int] = mapped_column(BigInteger)
    covered_by: Mapped[str]

    webhook: Mapped[dict[str, Any] | None]
    request_id: Mapped[str | None]

    output: Mapped[dict[str, Any] | None]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    error_retryable: Mapped[bool | None]

    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    run_seconds: Mapped[float | None] = mapped_column(DOUBLE_PRECISION)
    store_seconds: Mapped[float | None] = mapped_column(DOUBLE_PRECISION)

    __table_args__ = (
        CheckConstraint(f"state IN ({_states})", "state_known"),
        CheckConstraint("(state = 'running') = (leased_until IS NOT NULL)", "leased_when_running"),
        CheckConstraint(
            f"(state IN ({_active})) = (finished_at IS NULL)", "finished_when_terminal"
        ),
        CheckConstraint("(state = 'failed') = (error_code IS NOT NULL)", "error_when_failed"),
        Index(
            "ix_jobs_queue",
            "variant",
            "fair_start",
            "id",
            postgresql_where=text("state = 'queued'"),
        ),
        Index(
            "ix_jobs_batch_mates",
            "variant",
            "batch_key",
            "fair_start",
            postgresql_where=text("state = 'queued'"),
        ),
        Index("ix_jobs_leases", "leased_until", postgresql_where=text("state = 'running'")),
        Index(
            "ix_jobs_expiry",
            "expires_at",
            postgresql_where=text("state = 'queued' AND expires_at IS NOT NULL"),
        ),
        Index("ix_jobs_tenant_newest", "tenant_id", text("id DESC")),
        Index("ix_jobs_variant_newest", "variant", text("id DESC")),
        Index(
            "ix_jobs_given_up",
            "state",
            text("id DESC"),
            postgresql_where=text("state = 'canceled' OR state = 'expired'"),
        ),
        Index("ix_jobs_created", "created_at"),
        Index("ix_jobs_finished", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
        Index(
            "ix_jobs_failed",
            "error_code",
            text("id DESC"),
            postgresql_where=text("state = 'failed'"),
        ),
        Index(
            "ix_jobs_failed_variant",
            "variant",
            text("id DESC"),
            postgresql_where=text("state = 'failed'"),
        ),
        Index(
            "ix_jobs_metadata",
            "metadata",
            postgresql_using="gin",
            postgresql_ops={"metadata": "jsonb_path_ops"},
            postgresql_where=text("metadata <> '{}'"),
        ),
    )


class Attempt(Base):
    """One try at a job by one worker; `outcome` stays null while it runs."""

    __tablename__ = "attempts"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    worker_id: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]


class Queue(Base):
    """A variant's virtual time (device-seconds per unit of weight) and whether it is paused."""

    __tablename__ = "queues"

    variant: Mapped[str] = mapped_column(primary_key=True)
    virtual_time: Mapped[float] = mapped_column(DOUBLE_PRECISION, default=0.0)
    paused_at: Mapped[datetime | None]


class FairTag(Base):
    """Where a tenant's last job of a queue ends in virtual time."""

    __tablename__ = "fair_tags"

    variant: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    finish: Mapped[float] = mapped_column(DOUBLE_PRECISION)
