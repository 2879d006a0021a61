"""Tiers as operators set them: limits, share and allowances; and whose tier is which. Audited."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.operators import audit
from db.operators.audit import Actor
from db.reports import tenants as tenant_standings
from db.tables import Tenant, Tier
from db.tenants.tenants import UnknownTierError

LIMITS = (
    "weight",
    "max_in_flight",
    "max_priority",
    "images_per_month",
    "analyses_per_month",
    "requests_per_minute",
)


def listed(session: Session) -> Sequence[Tier]:
    """Every tier, the smallest share first."""
    return session.scalars(select(Tier).order_by(Tier.weight, Tier.name)).all()


def change(session: Session, actor: Actor, name: str, limits: Mapping[str, Any]) -> Tier:
    """Set limits of a tier; they hold for what is submitted from now on.

    An allowance that was opened this month stays as granted until the next.

    Args:
        session: the transaction.
        actor: who sets them.
        name: the tier's.
        limits: new values by their names in `LIMITS`; what is not named stays.

    Raises:
        db.tenants.tenants.UnknownTierError: no tier bears the name.
    """
    tier = session.get(Tier, name, with_for_update=True, populate_existing=True)
    if tier is None:
        raise UnknownTierError(name, tenant_standings.tier_names(session))
    changed = {limit: new for limit, new in limits.items() if getattr(tier, limit) != new}
    before = {limit: getattr(tier, limit) for limit in changed}
    for limit, new in changed.items():
        setattr(tier, limit, new)
    if changed:
        audit.record(session, actor, "tier.set", name, before=before, after=changed)
    return tier


def move_tenant(session: Session, actor: Actor, tenant_id: str, tier: str) -> bool:
    """Put a tenant into a tier; False when it is there. Jobs that it has queued keep their share.

    Raises:
        db.tenants.tenants.UnknownTierError: no tier bears the name.
    """
    if session.get(Tier, tier) is None:
        raise UnknownTierError(tier, tenant_standings.tier_names(session))
    tenant = session.get_one(Tenant, tenant_id, with_for_update=True, populate_existing=True)
    if tenant.tier == tier:
        return False
    before, tenant.tier = {"tier": tenant.tier}, tier
    audit.record(session, actor, "tenant.tier", tenant_id, before=before, after={"tier": tier})
    return True
