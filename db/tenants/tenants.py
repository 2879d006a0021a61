"""Tenants: who pays, in which tier, and what they have left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.billing import holds as quota
from db.core.base import new_id
from db.tables import Allowance, Hold, Tenant, Tier
from db.values.pricing import UnitKind


class TenantSuspendedError(Exception):
    """The tenant may neither submit nor read."""

    def __init__(self) -> None:
        super().__init__("this account is suspended; ask the operator")


class UnknownTierError(Exception):
    """No tier bears this name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"there is no tier {name!r}; there are {', '.join(known)}")


@dataclass(frozen=True)
class AllowanceLeft:
    """One kind's allowance this month: what is granted, used, held, and so left."""

    granted: int
    used: int
    held: int

    @property
    def left(self) -> int:
        """What a new job may still take."""
        return max(0, self.granted - self.used - self.held)


@dataclass(frozen=True)
class Account:
    """A tenant's standing: tier, allowances by kind, balance and what open holds keep of it."""

    tenant: Tenant
    tier: Tier
    allowances: dict[UnitKind, AllowanceLeft]
    resets_at: datetime
    open_holds: int


def create(session: Session, *, name: str, tier: str) -> Tenant:
    """Add a tenant.

    Raises:
        UnknownTierError: no tier bears the name.
    """
    if session.get(Tier, tier) is None:
        raise UnknownTierError(tier, session.scalars(select(Tier.name).order_by(Tier.weight)).all())
    tenant = Tenant(id=new_id("ten"), name=name, tier=tier)
    session.add(tenant)
    session.flush()
    session.refresh(tenant)
    return tenant


def listed(session: Session) -> Sequence[Tenant]:
    """Every tenant, oldest first."""
    return session.scalars(select(Tenant).order_by(Tenant.id)).all()


def tier_of(session: Session, tenant_id: str) -> str:
    """The name of a tenant's tier."""
    return session.scalars(select(Tenant.tier).where(Tenant.id == tenant_id)).one()


def account(session: Session, tenant_id: str) -> Account | None:
    """A tenant's standing by the database's clock; None when there is no such tenant."""
    tenant = session.get(Tenant, tenant_id, populate_existing=True)
    if tenant is None:
        return None
    tier = session.get_one(Tier, tenant.tier)
    month = quota.current_month(session)
    held = select(func.count()).where(Hold.tenant_id == tenant_id, Hold.state == "open")
    return Account(
        tenant=tenant,
        tier=tier,
        allowances={
            kind: _left(session.get(Allowance, (tenant_id, month, kind)), tier, kind)
            for kind in UnitKind
        },
        resets_at=quota.next_reset(month),
        open_holds=session.scalar(held) or 0,
    )


def _left(row: Allowance | None, tier: Tier, kind: UnitKind) -> AllowanceLeft:
    if row is None:
        return AllowanceLeft(quota.allowance_granted(tier, kind), 0, 0)
    return AllowanceLeft(row.granted, row.used, row.held)
