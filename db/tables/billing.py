"""Money: allowances, holds, the ledger and usage."""

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.core.base import Base


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
