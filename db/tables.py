"""The rows. Rules that one row can state stand here as CHECK and UNIQUE constraints."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from db.artifact_kinds import ArtifactKind
from db.base import Base
from db.job_state import ACTIVE, JobState

_states = ", ".join(f"'{state}'" for state in JobState)
_active = ", ".join(f"'{state}'" for state in sorted(ACTIVE))
_kinds = ", ".join(f"'{kind}'" for kind in ArtifactKind)


class Tier(Base):
    """Limits and share of a class of tenants.

    `weight` is the share of a device against other tiers; allowances are counted per calendar
    month (UTC), `requests_per_minute` for each key by itself, and null is no limit.
    """

    __tablename__ = "tiers"

    name: Mapped[str] = mapped_column(primary_key=True)
    weight: Mapped[float] = mapped_column(DOUBLE_PRECISION)
    max_in_flight: Mapped[int]
    max_priority: Mapped[str]
    images_per_month: Mapped[int]
    analyses_per_month: Mapped[int]
    requests_per_minute: Mapped[int | None]

    __table_args__ = (
        CheckConstraint("weight > 0", "weight_positive"),
        CheckConstraint("requests_per_minute > 0", "requests_positive"),
    )


class Tenant(Base):
    """Who pays. `balance_held_micros` is the part of the balance that open holds have taken."""

    __tablename__ = "tenants"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    tier: Mapped[str] = mapped_column(ForeignKey("tiers.name"))
    balance_micros: Mapped[int] = mapped_column(BigInteger, default=0)
    balance_held_micros: Mapped[int] = mapped_column(BigInteger, default=0)
    in_flight: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    suspended_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("balance_held_micros >= 0", "held_not_negative"),
        CheckConstraint("balance_held_micros <= balance_micros", "held_within_balance"),
        CheckConstraint("in_flight >= 0", "in_flight_not_negative"),
    )


class ApiKey(Base):
    """A key's hash. `tenant_id` is null on an operator's key, which alone has a `role`."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str | None] = mapped_column(ForeignKey("tenants.id"), index=True)
    name: Mapped[str]
    role: Mapped[str | None]
    secret_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("(tenant_id IS NULL) = (role IS NOT NULL)", "role_of_operators"),
        CheckConstraint("role IN ('operator', 'viewer')", "role_known"),
    )


class Allowance(Base):
    """What one tenant may use for free in one month, and how much is used or held."""

    __tablename__ = "allowances"

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    granted: Mapped[int]
    used: Mapped[int] = mapped_column(default=0)
    held: Mapped[int] = mapped_column(default=0)

    __table_args__ = (
        CheckConstraint("used >= 0 AND held >= 0", "not_negative"),
        CheckConstraint("used + held <= granted", "within_grant"),
    )


class Job(Base):
    """One commission: the truth about it.

    `fair_start` orders the queue; `attempt` is the fence; `leased_until` is by the database's
    clock. `price_micros` is the quote, snapshotted. `input` is validated and self-contained:
    pictures in it are references to stored objects. `webhook` is a `db.delivery_values.Webhook`.
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


class Hold(Base):
    """What a job has set aside until it is settled or released; one a job, for good.

    `units` come from the allowance of `month`, or `amount_micros` from the balance.
    """

    __tablename__ = "holds"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    source: Mapped[str]
    month: Mapped[date]
    kind: Mapped[str]
    units: Mapped[int]
    amount_micros: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(default="open")
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("source IN ('allowance', 'balance')", "source_known"),
        CheckConstraint("state IN ('open', 'settled', 'released')", "state_known"),
        CheckConstraint("(state = 'open') = (closed_at IS NULL)", "closed_once"),
        Index("ix_holds_open", "tenant_id", postgresql_where=text("state = 'open'")),
    )


class LedgerEntry(Base):
    """A movement of a tenant's balance, never changed. `reference` is unique for good."""

    __tablename__ = "ledger_entries"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), index=True)
    reference: Mapped[str] = mapped_column(unique=True)
    amount_micros: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class UsageEvent(Base):
    """What a tenant used, one a settled job, never changed. `key` derives from the job.

    `amount_micros` is what was charged: 0 where the allowance of `month` covered it.
    """

    __tablename__ = "usage_events"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    job_id: Mapped[str]
    variant: Mapped[str]
    kind: Mapped[str]
    units: Mapped[int]
    amount_micros: Mapped[int] = mapped_column(BigInteger)
    covered_by: Mapped[str]
    month: Mapped[date]
    occurred_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        Index("ix_usage_events_tenant_time", "tenant_id", "occurred_at"),
        Index(
            "ix_usage_events_time",
            "occurred_at",
            postgresql_include=["kind", "units", "amount_micros"],
        ),
    )


class Artifact(Base):
    """One stored result; `n` counts from 0 within its job. `removed_at`: its object is gone.

    `about` is what a client is told of a result that is no painted picture.
    """

    __tablename__ = "artifacts"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True)
    attempt: Mapped[int]
    kind: Mapped[str] = mapped_column(default=ArtifactKind.IMAGE, server_default=text("'image'"))
    about: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    key: Mapped[str] = mapped_column(unique=True)
    media_type: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    seed: Mapped[str | None]  # up to 2^64 - 1: one bit too many for BIGINT
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(f"kind IN ({_kinds})", "kind_known"),
        Index("ix_artifacts_expiry", "expires_at", postgresql_where=text("removed_at IS NULL")),
    )


class File(Base):
    """A picture that a tenant uploaded, stored content-addressed."""

    __tablename__ = "files"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    key: Mapped[str]
    media_type: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (UniqueConstraint("tenant_id", "sha256"),)


class Worker(Base):
    """A worker process as it last reported; stale rows are removed by maintenance.

    `drained_at` is set by an operator, and the worker then claims nothing new. `failed_at` tells
    when its process ended without being told to; it is null again once the worker is ready.
    """

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    pid: Mapped[int]
    device: Mapped[str]
    variants: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    state: Mapped[str]
    memory_used_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    memory_total_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    resident: Mapped[list[str]] = mapped_column(ARRAY(TEXT), server_default="{}")
    loading: Mapped[str | None]
    loading_fraction: Mapped[float | None]
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    heartbeat_at: Mapped[datetime] = mapped_column(server_default=func.now())
    drained_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
