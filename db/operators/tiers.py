"""Operators' changes to tiers: limits, share and allowances, and tenants' tiers; all audited."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.operators import audit
from db.operators.audit import Actor
from db.reports import tenants as tenant_summaries
from db.tables import Tenant, Tier
from db.tenants.tenants import UnknownTierError

LIMITS = (
    "weight",
    "max_in_flight",
    "max_priority",
    "images_per_month",
    "analyses_per_month",
    "requests_per_minute",
    "models",
    "allowance_models",
    "cancel_charge",
    "max_stored_bytes",
    "keep_seconds",
)


def list_tiers(session: Session) -> Sequence[Tier]:
    """Every tier, the smallest share first."""
    return session.scalars(select(Tier).order_by(Tier.weight, Tier.name)).all()


def change(session: Session, actor: Actor, name: str, limits: Mapping[str, Any]) -> Tier:
    """Set limits of a tier; they apply to jobs that are submitted from now on.

    An allowance that was already granted this month stays as it is until the next month.

    Args:
        session: the transaction.
        actor: the operator.
        name: the name of the tier.
        limits: new values by their names in `LIMITS`; the other limits stay.

    Raises:
        db.tenants.tenants.UnknownTierError: no tier has the name.
    """
    tier = session.get(Tier, name, with_for_update=True, populate_existing=True)
    if tier is None:
        raise UnknownTierError(name, tenant_summaries.tier_names(session))
    limits = {limit: list(new) if isinstance(new, tuple) else new for limit, new in limits.items()}
    changed = {limit: new for limit, new in limits.items() if getattr(tier, limit) != new}
    before = {limit: getattr(tier, limit) for limit in changed}
    for limit, new in changed.items():
        setattr(tier, limit, new)
    if changed:
        audit.record(session, actor, "tier.set", name, before=before, after=changed)
    return tier


def move_tenant(session: Session, actor: Actor, tenant_id: str, tier: str) -> bool:
    """Move a tenant to a tier; False when it is in it. Its queued jobs keep their fair share.

    Raises:
        db.tenants.tenants.UnknownTierError: no tier has the name.
    """
    if session.get(Tier, tier) is None:
        raise UnknownTierError(tier, tenant_summaries.tier_names(session))
    tenant = session.get_one(Tenant, tenant_id, with_for_update=True, populate_existing=True)
    if tenant.tier == tier:
        return False
    before, tenant.tier = {"tier": tenant.tier}, tier
    audit.record(session, actor, "tenant.tier", tenant_id, before=before, after={"tier": tier})
    return True
