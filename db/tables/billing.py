"""Money: allowances, holds, the ledger, usage, and the spend at the vendor."""

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
    """The free units of one tenant, month and kind: granted, used and held."""

    __tablename__ = "allowances"

    # The tenant that may use the units.
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    # The first day of the calendar month, UTC.
    month: Mapped[date] = mapped_column(primary_key=True)
    # A `UnitKind`: images or analyses.
    kind: Mapped[str] = mapped_column(primary_key=True)
    # Units of the month, copied from the tier at the first submission of the month.
    granted: Mapped[int]
    # Units that settled jobs have used; a completion adds to it.
    used: Mapped[int] = mapped_column(default=0)
    # Units that open holds reserve; a submission adds to it, the end of a job subtracts from it.
    held: Mapped[int] = mapped_column(default=0)
    # Millionths of a unit of canceled work that `used` does not contain yet; less than one unit.
    remainder_micro_units: Mapped[int] = mapped_column(default=0, server_default="0")

    __table_args__ = (
        CheckConstraint("used >= 0 AND held >= 0", "not_negative"),
        CheckConstraint("used + held <= granted", "within_grant"),
        CheckConstraint(
            "remainder_micro_units >= 0 AND remainder_micro_units < 1000000",
            "remainder_below_one_unit",
        ),
    )


class Hold(Base):
    """The reservation of a job's cost, open until it is settled or released; one per job, for good.

    It reserves `units` of the allowance of `month`, or `amount_micros` of the balance.
    """

    __tablename__ = "holds"

    # The job that the hold pays for.
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    # The tenant that pays.
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    # "allowance" or "balance": where the reservation was made.
    source: Mapped[str]
    # The month of the allowance (first day, UTC); set for a hold on the balance, too.
    month: Mapped[date]
    # A `UnitKind`: which allowance.
    kind: Mapped[str]
    # Pictures or analyses that the job makes.
    units: Mapped[int]
    # The job's price in micro-USD; charged only if `source` is the balance.
    amount_micros: Mapped[int] = mapped_column(BigInteger)
    # "open" until the job ends; then "settled" if it is charged, or "released".
    state: Mapped[str] = mapped_column(default="open")
    # Units charged for a job that was canceled; null for any other, which is charged as a whole.
    canceled_units: Mapped[int | None]
    # Micro-USD charged for a job that was canceled; null for any other.
    canceled_micros: Mapped[int | None] = mapped_column(BigInteger)
    # The day (UTC) whose budget at the vendor holds `vendor_micros`; null if no vendor is needed.
    vendor_day: Mapped[date | None]
    # The cost of one task at the vendor in micro-USD; null if no vendor is needed.
    vendor_micros: Mapped[int | None] = mapped_column(BigInteger)
    # When it was settled or released; null while it is open.
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("source IN ('allowance', 'balance')", "source_known"),
        CheckConstraint("state IN ('open', 'settled', 'released')", "state_known"),
        CheckConstraint("(state = 'open') = (closed_at IS NULL)", "closed_once"),
        Index("ix_holds_open", "tenant_id", postgresql_where=text("state = 'open'")),
    )


class LedgerEntry(Base):
    """A movement of a tenant's balance, never changed: a trigger refuses it."""

    __tablename__ = "ledger_entries"

    # Counts the entries of all tenants.
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    # The tenant whose balance moved.
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), index=True)
    # `credit:` and the name of a payment, or `settlement:` and a job id; unique for good, so that
    # nothing is booked twice.
    reference: Mapped[str] = mapped_column(unique=True)
    # Micro-USD added to the balance; negative for a charge or a correction.
    amount_micros: Mapped[int] = mapped_column(BigInteger)
    # When the entry was written.
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class UsageEvent(Base):
    """The billed work of one settled job, never changed; the completion inserts it."""

    __tablename__ = "usage_events"

    # Counts the events of all tenants.
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    # `usage:` and the job id; unique, so that no job is counted twice.
    key: Mapped[str] = mapped_column(unique=True)
    # The tenant that used it.
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    # The job; no foreign key, since old jobs are deleted and usage stays.
    job_id: Mapped[str]
    # The model that ran.
    variant: Mapped[str]
    # A `UnitKind`: images or analyses.
    kind: Mapped[str]
    # Pictures or analyses that were made.
    units: Mapped[int]
    # Micro-USD charged to the balance; 0 if the allowance of `month` covered the job.
    amount_micros: Mapped[int] = mapped_column(BigInteger)
    # "allowance" or "balance".
    covered_by: Mapped[str]
    # The month of the job's hold (first day, UTC), which is the month of submission.
    month: Mapped[date]
    # When the job was settled.
    occurred_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # "succeeded", or "canceled" for the work of a job that its owner canceled.
    outcome: Mapped[str] = mapped_column(default="succeeded", server_default="succeeded")
    # Millionths of a unit that ran before the cancellation; null if the job succeeded.
    ran_micro_units: Mapped[int | None] = mapped_column(BigInteger)
    # The cost of the result at the vendor in micro-USD; null if it was made on own devices.
    vendor_micros: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint("outcome IN ('succeeded', 'canceled')", "outcome_known"),
        Index("ix_usage_events_tenant_time", "tenant_id", "occurred_at"),
        Index(
            "ix_usage_events_time",
            "occurred_at",
            postgresql_include=["kind", "units", "amount_micros"],
        ),
    )


class VendorSpend(Base):
    """The operator's spend at the vendor of hosted models in one day.

    A submission holds the cost of its task. A trigger moves it when the hold of the job is closed,
    whatever statement closes it.
    """

    __tablename__ = "vendor_spend"

    # The day of submission, UTC.
    day: Mapped[date] = mapped_column(primary_key=True)
    # Micro-USD that jobs with an open hold may cost.
    held_micros: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    # Micro-USD of tasks that the vendor delivered, or whose fate is unknown.
    spent_micros: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")

    __table_args__ = (CheckConstraint("held_micros >= 0 AND spent_micros >= 0", "not_negative"),)
