"""The charge of jobs that their owner cancels while they run, in the cancellation's transaction.

The tier's rule decides, from the progress that is durable when the job is canceled. A balance pays
the share of the price, rounded down. An allowance has whole units only: what is left over is kept
in millionths, and added to the next canceled job of that month, so that many small cancellations
cost as much as one large one.
"""

from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from db.billing import holds
from db.billing.holds import ALLOWANCE
from db.tables import Hold, Job, Tenant, Tier
from db.values.cancel_charge import CancelCharge, ran_micro_units, ran_micros

_USE_ALLOWANCE = text("""
WITH before AS MATERIALIZED (
    SELECT remainder_micro_units + :ran AS micro_units FROM allowances
    WHERE tenant_id = :tenant_id AND month = :month AND kind = :kind
    FOR NO KEY UPDATE
)
UPDATE allowances SET
    held = held - :held,
    used = used + micro_units / 1000000,
    remainder_micro_units = micro_units % 1000000
FROM before
WHERE tenant_id = :tenant_id AND month = :month AND kind = :kind
RETURNING micro_units / 1000000 AS units
""")

_CHARGE_BALANCE = text("""
UPDATE tenants SET
    balance_micros = balance_micros - :charge,
    balance_held_micros = balance_held_micros - :held
WHERE id = :tenant_id
""")

_RECORD_CHARGE = text("""
INSERT INTO ledger_entries (tenant_id, reference, amount_micros)
VALUES (:tenant_id, 'settlement:' || CAST(:job_id AS varchar), -CAST(:charge AS bigint))
""")

_SETTLE = text("""
WITH settled AS (
    UPDATE holds SET state = 'settled', closed_at = now(),
        canceled_units = :units, canceled_micros = :charge
    WHERE job_id = :job_id AND state = 'open'
    RETURNING *
)
INSERT INTO usage_events (key, tenant_id, job_id, variant, kind, units, amount_micros, covered_by,
    month, outcome, ran_micro_units)
SELECT 'usage:' || job_id, tenant_id, job_id, :variant, kind, :units, :charge, source,
    month, 'canceled', :ran
FROM settled
""")


@dataclass(frozen=True)
class _Ran:
    """The work of a canceled job: millionths of a unit, and micro-USD of its price."""

    micro_units: int
    micros: int


def settle_canceled(session: Session, job: Job) -> None:
    """Charge a canceled job for what ran of its current attempt, or release its hold.

    Args:
        session: the transaction of the UPDATE that canceled it; the job is locked.
        job: the row as that UPDATE left it.
    """
    hold = session.get(Hold, job.id, populate_existing=True)
    if hold is None or hold.state != "open":
        return
    ran = _ran(session, job)
    if hold.source == ALLOWANCE and ran.micro_units:
        units = _use_allowance(session, hold, ran.micro_units)
        _settle(session, job, units=units, charge=0, ran=ran.micro_units)
    elif hold.source != ALLOWANCE and ran.micros:
        _charge_balance(session, hold, ran.micros)
        _settle(session, job, units=0, charge=ran.micros, ran=ran.micro_units)
    else:
        holds.release(session, job.id)


def _ran(session: Session, job: Job) -> _Ran:
    tier = select(Tier.cancel_charge).join(Tenant, Tenant.tier == Tier.name)
    rule = CancelCharge(session.execute(tier.where(Tenant.id == job.tenant_id)).scalar_one())
    progress = {"step": job.progress_step, "steps": job.progress_steps}
    return _Ran(
        ran_micro_units(rule, units=job.units, **progress),
        ran_micros(rule, price_micros=job.price_micros, **progress),
    )


def _use_allowance(session: Session, hold: Hold, ran: int) -> int:
    """Turn the hold into used units; the units that this job is charged."""
    values = {"tenant_id": hold.tenant_id, "month": hold.month, "kind": hold.kind}
    units: int = session.execute(
        _USE_ALLOWANCE, values | {"ran": ran, "held": hold.units}
    ).scalar_one()
    return units


def _charge_balance(session: Session, hold: Hold, charge: int) -> None:
    values = {"tenant_id": hold.tenant_id, "charge": charge, "held": hold.amount_micros}
    session.execute(_CHARGE_BALANCE, values)
    session.execute(_RECORD_CHARGE, values | {"job_id": hold.job_id})


def _settle(session: Session, job: Job, *, units: int, charge: int, ran: int) -> None:
    values = {"job_id": job.id, "variant": job.variant}
    session.execute(_SETTLE, values | {"units": units, "charge": charge, "ran": ran})
