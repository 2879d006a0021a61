"""The append-only book of balances' movements; `db.jobs.complete` enters what jobs are charged.

References of charges, and keys of usage events, derive from the job and never from the attempt, so
whatever is tried again is refused by a unique constraint instead of being charged twice.
"""

from sqlalchemy import update
from sqlalchemy.orm import Session

from db.tables import LedgerEntry, Tenant


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


def correct(session: Session, tenant_id: str, amount_micros: int, *, reference: str) -> bool:
    """Take from a tenant's balance what was credited by mistake.

    Args:
        session: the transaction.
        tenant_id: whose balance.
        amount_micros: micro-USD, negative.
        reference: as of `credit`, in one namespace with it.

    Returns:
        False, and nothing is changed, when that much is not left beside what open holds keep.

    Raises:
        sqlalchemy.exc.IntegrityError: the reference was used before.
        ValueError: the amount is not negative.
    """
    if amount_micros >= 0:
        raise ValueError("a correction is negative")
    left = Tenant.balance_micros + amount_micros
    statement = (
        update(Tenant)
        .where(Tenant.id == tenant_id, left >= Tenant.balance_held_micros)
        .values(balance_micros=left)
        .returning(Tenant.id)
    )
    if session.scalar(statement) is None:
        return False
    _enter(session, tenant_id, amount_micros, f"credit:{reference}")
    return True


def _enter(session: Session, tenant_id: str, amount_micros: int, reference: str) -> None:
    session.add(LedgerEntry(tenant_id=tenant_id, reference=reference, amount_micros=amount_micros))
    session.flush()
