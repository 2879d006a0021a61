"""The append-only books: movements of balances, and what was used.

References and keys derive from the job and never from the attempt, so whatever is tried again is
refused by a unique constraint instead of being charged twice.
"""

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from db.tables import Hold, LedgerEntry, Tenant

_RECORD_USAGE = text("""
INSERT INTO usage_events (key, tenant_id, job_id, variant, kind, units, amount_micros,
    covered_by, month)
VALUES (:key, :tenant_id, :job_id, :variant, :kind, :units, :amount_micros, :covered_by, :month)
""")


def credit(session: Session, tenant_id: str, amount_micros: int, *, reference: str) -> None:
    """Add to a tenant's balance.

    Args:
        session: the transaction.
        tenant_id: whose balance.
        amount_micros: micro-USD, positive.
        reference: names the payment; a second entry with the same one is refused.

    Raises:
        sqlalchemy.exc.IntegrityError: the reference was used before.
        ValueError: the amount is not positive.
    """
    if amount_micros <= 0:
        raise ValueError("a credit is positive")
    _enter(session, tenant_id, amount_micros, f"credit:{reference}")
    session.execute(
        update(Tenant)
        .where(Tenant.id == tenant_id)
        .values(balance_micros=Tenant.balance_micros + amount_micros)
    )


def charge(session: Session, tenant_id: str, amount_micros: int, *, job_id: str) -> None:
    """Take a held amount from a tenant's balance for good."""
    _enter(session, tenant_id, -amount_micros, f"settlement:{job_id}")
    session.execute(
        update(Tenant)
        .where(Tenant.id == tenant_id)
        .values(
            balance_micros=Tenant.balance_micros - amount_micros,
            balance_held_micros=Tenant.balance_held_micros - amount_micros,
        )
    )


def record_usage(session: Session, hold: Hold, *, variant: str) -> None:
    """Write the usage event of a settled hold: once a job, by its unique key."""
    charged = hold.amount_micros if hold.source == "balance" else 0
    values = {
        "key": f"usage:{hold.job_id}",
        "tenant_id": hold.tenant_id,
        "job_id": hold.job_id,
        "variant": variant,
        "kind": hold.kind,
        "units": hold.units,
        "amount_micros": charged,
        "covered_by": hold.source,
        "month": hold.month,
    }
    session.execute(_RECORD_USAGE, values)


def _enter(session: Session, tenant_id: str, amount_micros: int, reference: str) -> None:
    session.add(LedgerEntry(tenant_id=tenant_id, reference=reference, amount_micros=amount_micros))
    session.flush()
