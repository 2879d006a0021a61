"""Tenants: their tiers, their limits, and what they have left to spend."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.billing import holds
from db.core.base import new_id
from db.tables import Allowance, Hold, Tenant, Tier
from db.values.pricing import UnitKind


class TenantSuspendedError(Exception):
    """The tenant may neither submit nor read."""

    def __init__(self) -> None:
        super().__init__("this account is suspended; ask the operator")


class TenantDeletedError(Exception):
    """The tenant was deleted, for good."""

    def __init__(self) -> None:
        super().__init__("this tenant was deleted; create a new one")


class UnknownTierError(Exception):
    """No tier has this name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"there is no tier {name!r}; there are {', '.join(known)}")


@dataclass(frozen=True)
class AllowanceLeft:
    """One kind's allowance this month: units granted, used and held."""

    granted: int
    used: int
    held: int

    @property
    def left(self) -> int:
        """Units that new jobs may still use."""
        return max(0, self.granted - self.used - self.held)


@dataclass(frozen=True)
class Account:
    """A tenant with its tier, its allowances by kind, its balance and its open holds.

    Attributes:
        resets_at: when next month's allowances begin.
        open_holds: how many of its jobs are unfinished and hold money or units.
    """

    tenant: Tenant
    tier: Tier
    allowances: dict[UnitKind, AllowanceLeft]
    resets_at: datetime
    open_holds: int


def create(session: Session, *, name: str, tier: str) -> Tenant:
    """Add a tenant.

    Raises:
        UnknownTierError: no tier has the name.
    """
    if session.get(Tier, tier) is None:
        raise UnknownTierError(tier, session.scalars(select(Tier.name).order_by(Tier.weight)).all())
    tenant = Tenant(id=new_id("ten"), name=name, tier=tier)
    session.add(tenant)
    session.flush()
    session.refresh(tenant)
    return tenant


def list_tenants(session: Session, *, deleted: bool = False) -> Sequence[Tenant]:
    """Every tenant that was not deleted, or every one that was; oldest first."""
    chosen = Tenant.deleted_at.is_not(None) if deleted else Tenant.deleted_at.is_(None)
    return session.scalars(select(Tenant).where(chosen).order_by(Tenant.id)).all()


def require_not_deleted(session: Session, tenant_id: str) -> None:
    """Check that a tenant was not deleted; a deletion that is under way is waited for.

    Raises:
        TenantDeletedError: it was.
    """
    deleted_at = select(Tenant.deleted_at).where(Tenant.id == tenant_id)
    if session.scalar(deleted_at.with_for_update(read=True)) is not None:
        raise TenantDeletedError


def tier_of(session: Session, tenant_id: str) -> str:
    """The name of a tenant's tier."""
    return session.scalars(select(Tenant.tier).where(Tenant.id == tenant_id)).one()


def tier_row(session: Session, tenant_id: str) -> Tier:
    """A tenant's tier."""
    tier = select(Tier).join(Tenant, Tenant.tier == Tier.name).where(Tenant.id == tenant_id)
    return session.scalars(tier).one()


def requests_per_minute(session: Session, tenant_id: str) -> int | None:
    """The limit of the tenant's tier; None where it has none, or there is no such tenant.

    It holds for each of the tenant's keys by itself.
    """
    tier = select(Tier.requests_per_minute).join(Tenant, Tenant.tier == Tier.name)
    return session.scalar(tier.where(Tenant.id == tenant_id))


def has_room_in_flight(session: Session, tenant_id: str) -> bool:
    """True when the tenant may have another unfinished job at this moment."""
    rule = select(Tenant.in_flight < Tier.max_in_flight).join(Tier, Tier.name == Tenant.tier)
    return bool(session.scalar(rule.where(Tenant.id == tenant_id)))


def account(session: Session, tenant_id: str) -> Account | None:
    """A tenant's account in the current month; None when there is no such tenant."""
    tenant = session.get(Tenant, tenant_id, populate_existing=True)
    if tenant is None:
        return None
    tier = session.get_one(Tier, tenant.tier)
    month = holds.current_month(session)
    open_holds = select(func.count()).where(Hold.tenant_id == tenant_id, Hold.state == "open")
    return Account(
        tenant=tenant,
        tier=tier,
        allowances={
            kind: _left(session.get(Allowance, (tenant_id, month, kind)), tier, kind)
            for kind in UnitKind
        },
        resets_at=holds.next_reset(month),
        open_holds=session.scalar(open_holds) or 0,
    )


def _left(row: Allowance | None, tier: Tier, kind: UnitKind) -> AllowanceLeft:
    if row is None:
        return AllowanceLeft(holds.allowance_granted(tier, kind), 0, 0)
    return AllowanceLeft(row.granted, row.used, row.held)
