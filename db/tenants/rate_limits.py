"""How often a tenant's keys may ask, each of them by itself."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.tables import Tenant, Tier


def requests_per_minute(session: Session, tenant_id: str) -> int | None:
    """The limit of the tenant's tier; None where it has none, or there is no such tenant."""
    tier = select(Tier.requests_per_minute).join(Tenant, Tenant.tier == Tier.name)
    return session.scalar(tier.where(Tenant.id == tenant_id))
