"""Holds: reservations of a job's cost, placed at submission, released if it ends without a result.

The tenant's allowance of the month covers a whole job if enough of it is left; otherwise the
balance covers the whole job. Every change is one guarded UPDATE: two submissions can never both
get the last unit, and a hold leaves the state `open` at most once. `db.jobs.complete` settles
the holds of jobs that succeed, `db.billing.cancellation` those of canceled work.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Row, Update, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.tables import Allowance, Hold, Job, Tenant, Tier
from db.values.pricing import UnitKind

ALLOWANCE = "allowance"
BALANCE = "balance"

_HOLD_ALLOWANCE = text("""
UPDATE allowances SET held = held + :units
WHERE tenant_id = :tenant_id AND month = :month AND kind = :kind
  AND used + held + :units <= granted
RETURNING granted - used - held
""")

_RELEASE_ALLOWANCE = text("""
UPDATE allowances SET held = held - :units
WHERE tenant_id = :tenant_id AND month = :month AND kind = :kind
""")

_RECORD_HOLD = text("""
INSERT INTO holds (job_id, tenant_id, source, month, kind, units, amount_micros, state,
    vendor_day, vendor_micros)
VALUES (:job_id, :tenant_id, :source, :month, :kind, :units, :amount_micros, 'open',
    :vendor_day, :vendor_micros)
""")

_RELEASE = select(Hold).from_statement(
    text("""
UPDATE holds SET state = 'released', closed_at = now()
WHERE job_id = :job_id AND state = 'open'
RETURNING *
""")
)


class InsufficientCreditError(Exception):
    """Neither the month's allowance nor the balance covers the job.

    Attributes:
        price_micros: the price of the job that was refused.
        resets_at: when the next month's allowance begins.
        is_covered: False when the allowance does not cover the model at all.
    """

    def __init__(
        self, kind: str, price_micros: int, resets_at: datetime, *, is_covered: bool = True
    ) -> None:
        allowance = (
            f"the monthly allowance of {kind} is spent"
            if is_covered
            else "your tier's allowance does not cover this model"
        )
        super().__init__(f"{allowance} and the balance is too low")
        self.kind = kind
        self.price_micros = price_micros
        self.resets_at = resets_at
        self.is_covered = is_covered


def month_of(moment: datetime) -> date:
    """The first day of the UTC month that `moment` falls in."""
    return moment.astimezone(UTC).date().replace(day=1)


def next_reset(month: date) -> datetime:
    """The beginning of the month after `month`, UTC."""
    year, index = divmod(month.year * 12 + month.month, 12)
    return datetime(year, index + 1, 1, tzinfo=UTC)


def current_month(session: Session) -> date:
    """The month by the database's clock."""
    return month_of(session.scalar(select(func.now())) or datetime.now(UTC))


def allowance_granted(tier: Tier | Row[Any], kind: str) -> int:
    """The units of `kind` that a tier grants each month."""
    return tier.images_per_month if kind == UnitKind.IMAGES else tier.analyses_per_month


@dataclass(frozen=True)
class Cover:
    """The source that covers a job: the allowance or the balance.

    Attributes:
        source: `ALLOWANCE` or `BALANCE`.
        month: the month of the allowance; set for a job that the balance covers, too.
        allowance_left: units of the allowance that are left; None when the balance covers it.
    """

    source: str
    month: date
    allowance_left: int | None


def place_hold(
    session: Session,
    *,
    tenant_id: str,
    month: date,
    kind: str,
    granted: int,
    units: int,
    price: int,
    is_covered: bool = True,
) -> Cover:
    """Reserve the cost of a job: its units of the allowance, or else its price of the balance.

    Args:
        session: the submission's transaction.
        tenant_id: the tenant that pays.
        month: the month of the allowance.
        kind: the kind of the allowance, a `UnitKind`.
        granted: units of `kind` that the tenant's tier grants in a month.
        units: pictures or analyses.
        price: the quote in micro-USD.
        is_covered: False when the tier's allowance does not cover the model.

    Raises:
        InsufficientCreditError: neither covers the job.
    """
    left = _hold_allowance(session, tenant_id, month, kind, units) if is_covered else None
    if left is None and _open_month(session, tenant_id, month, kind, granted) and is_covered:
        left = _hold_allowance(session, tenant_id, month, kind, units)
    if left is not None:
        return Cover(ALLOWANCE, month, left)
    if _hold_balance(session, tenant_id, price):
        return Cover(BALANCE, month, None)
    raise InsufficientCreditError(kind, price, next_reset(month), is_covered=is_covered)


def record_hold(session: Session, job: Job, cover: Cover, *, vendor_day: date | None) -> None:
    """Insert the hold of a job; `vendor_day` as the column of the table."""
    values = {
        "job_id": job.id,
        "tenant_id": job.tenant_id,
        "source": cover.source,
        "month": cover.month,
        "kind": job.unit_kind,
        "units": job.units,
        "amount_micros": job.price_micros,
        "vendor_day": vendor_day,
        "vendor_micros": job.vendor_micros,
    }
    session.execute(_RECORD_HOLD, values)


def _hold_allowance(
    session: Session, tenant_id: str, month: date, kind: str, units: int
) -> int | None:
    """Hold units; the units that are left, or None when there are too few or no row yet."""
    values = {"tenant_id": tenant_id, "month": month, "kind": kind, "units": units}
    left: int | None = session.scalar(_HOLD_ALLOWANCE, values)
    return left


def _open_month(session: Session, tenant_id: str, month: date, kind: str, granted: int) -> bool:
    """Insert the month's allowance; False when it was granted before."""
    values = {"tenant_id": tenant_id, "month": month, "kind": kind, "granted": granted}
    statement = insert(Allowance).values(values).on_conflict_do_nothing()
    return session.scalar(statement.returning(Allowance.granted)) is not None


def _hold_balance(session: Session, tenant_id: str, price: int) -> bool:
    statement = (
        update(Tenant)
        .where(Tenant.id == tenant_id)
        .where(Tenant.balance_micros - Tenant.balance_held_micros >= price)
        .values(balance_held_micros=Tenant.balance_held_micros + price)
    )
    return _changed(session, statement)


def release(session: Session, job_id: str) -> None:
    """Release a job's open hold, in the month of the hold; a second call does nothing."""
    options = {"populate_existing": True}
    row = session.scalars(_RELEASE, {"job_id": job_id}, execution_options=options).first()
    if row is None:
        return
    if row.source == ALLOWANCE:
        session.execute(_RELEASE_ALLOWANCE, _allowance_values(row))
        return
    session.execute(
        update(Tenant)
        .where(Tenant.id == row.tenant_id)
        .values(balance_held_micros=Tenant.balance_held_micros - row.amount_micros)
    )


def charged_micros(row: Hold) -> int:
    """The micro-USD that a closed hold has charged to the balance; 0 for any other."""
    if row.state != "settled" or row.source != BALANCE:
        return 0
    return row.amount_micros if row.canceled_micros is None else row.canceled_micros


def charged_units(row: Hold) -> int:
    """The units of an allowance that a closed hold has used; 0 for any other."""
    if row.state != "settled" or row.source != ALLOWANCE:
        return 0
    return row.units if row.canceled_units is None else row.canceled_units


def _allowance_values(row: Hold) -> dict[str, object]:
    return {"tenant_id": row.tenant_id, "month": row.month, "kind": row.kind, "units": row.units}


def _changed(session: Session, statement: Update) -> bool:
    return cast("CursorResult[object]", session.execute(statement)).rowcount == 1
