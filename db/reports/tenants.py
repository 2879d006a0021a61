"""Summaries of tenants for an operator's list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.tables import Tenant, Tier, UsageEvent


@dataclass(frozen=True)
class TenantSummary:
    """One tenant now; `jobs` and `spent_micros` are what was settled in the last days."""

    id: str
    name: str
    tier: str
    suspended_at: datetime | None
    deleted_at: datetime | None
    in_flight: int
    stored_bytes: int
    balance_micros: int
    held_micros: int
    jobs: int
    spent_micros: int


def list_summaries(session: Session, *, days: int) -> list[TenantSummary]:
    """Every tenant; the one that spent most in the last `days` comes first."""
    recent = (
        select(
            UsageEvent.tenant_id,
            func.count().label("jobs"),
            func.sum(UsageEvent.amount_micros).label("spent"),
        )
        .where(UsageEvent.occurred_at > func.now() - timedelta(days=days))
        .group_by(UsageEvent.tenant_id)
        .subquery()
    )
    statement = (
        select(Tenant, func.coalesce(recent.c.jobs, 0), func.coalesce(recent.c.spent, 0))
        .join(recent, recent.c.tenant_id == Tenant.id, isouter=True)
        .order_by(func.coalesce(recent.c.spent, 0).desc(), Tenant.id)
    )
    return [_summary(row, jobs, spent) for row, jobs, spent in session.execute(statement)]


def _summary(row: Tenant, jobs: int, spent: int) -> TenantSummary:
    return TenantSummary(
        id=row.id,
        name=row.name,
        tier=row.tier,
        suspended_at=row.suspended_at,
        deleted_at=row.deleted_at,
        in_flight=row.in_flight,
        stored_bytes=row.stored_bytes,
        balance_micros=row.balance_micros,
        held_micros=row.balance_held_micros,
        jobs=int(jobs),
        spent_micros=int(spent),
    )


def tier_names(session: Session) -> Sequence[str]:
    """Every tier, the smallest share first."""
    return session.scalars(select(Tier.name).order_by(Tier.weight, Tier.name)).all()
