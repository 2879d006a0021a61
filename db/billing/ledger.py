"""The append-only ledger of all movements of balances; `db.jobs.complete` inserts the charges.

References of charges, and keys of usage events, derive from the job and never from the attempt: a
repeated charge is refused by a unique constraint.
"""

from sqlalchemy import update
from sqlalchemy.orm import Session

from db.tables import LedgerEntry, Tenant


def credit(session: Session, tenant_id: str, amount_micros: int, *, reference: str) -> None:
    """Add to a tenant's balance.

    Args:
        session: the transaction.
        tenant_id: the owner of the balance.
        amount_micros: micro-USD, positive.
        reference: names the payment; a second entry with the same one is refused.

    Raises:
        sqlalchemy.exc.IntegrityError: the reference was used before.
        ValueError: the amount is not positive.
    """
    if amount_micros <= 0:
        raise ValueError("the amount of a credit must be positive")
    _insert_entry(session, tenant_id, amount_micros, f"credit:{reference}")
    session.execute(
        update(Tenant)
        .where(Tenant.id == tenant_id)
        .values(balance_micros=Tenant.balance_micros + amount_micros)
    )


def correct(session: Session, tenant_id: str, amount_micros: int, *, reference: str) -> bool:
    """Subtract from a tenant's balance what was credited by mistake.

    Args:
        session: the transaction.
        tenant_id: the owner of the balance.
        amount_micros: micro-USD, negative.
        reference: names the correction; credits and corrections share one namespace.

    Returns:
        False when the balance, without the amounts of open holds, is smaller than that; nothing
        was changed then.

    Raises:
        sqlalchemy.exc.IntegrityError: the reference was used before.
        ValueError: the amount is not negative.
    """
    if amount_micros >= 0:
        raise ValueError("the amount of a correction must be negative")
    left = Tenant.balance_micros + amount_micros
    statement = (
        update(Tenant)
        .where(Tenant.id == tenant_id, left >= Tenant.balance_held_micros)
        .values(balance_micros=left)
        .returning(Tenant.id)
    )
    if session.scalar(statement) is None:
        return False
    _insert_entry(session, tenant_id, amount_micros, f"credit:{reference}")
    return True


def _insert_entry(session: Session, tenant_id: str, amount_micros: int, reference: str) -> None:
    session.add(LedgerEntry(tenant_id=tenant_id, reference=reference, amount_micros=amount_micros))
    session.flush()
