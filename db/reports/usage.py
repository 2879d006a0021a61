"""Usage of tenants, and depths of queues."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.orm import Session

from db.tables import Job, Queue, UsageEvent
from db.tables.index_predicates import state_is
from db.values.job_state import JobState

GROUPS = ("model", "day")


@dataclass(frozen=True)
class UsageSum:
    """Settled work of one group; `model` or `day` is None where not grouped by it."""

    model: str | None
    day: str | None
    kind: str
    jobs: int
    units: int
    amount_micros: int


@dataclass(frozen=True)
class QueueDepth:
    """The depth of a variant's queue now; ages in seconds.

    `cost_seconds` is the estimated device time of the queued jobs.
    """

    variant: str
    queued: int
    running: int
    oldest_age_seconds: float
    cost_seconds: float = 0.0


def usage_events(
    session: Session, tenant_id: str, start: datetime, end: datetime, *, limit: int
) -> Sequence[UsageEvent]:
    """A tenant's usage events in `[start, end)`, oldest first."""
    statement = select(UsageEvent).where(_in_period(tenant_id, start, end))
    return session.scalars(statement.order_by(UsageEvent.id).limit(limit)).all()


def canceled_work(session: Session, job_ids: Sequence[str]) -> dict[str, UsageEvent]:
    """The usage events of canceled jobs, by job; a job that cost nothing has none."""
    keys = [f"usage:{job_id}" for job_id in job_ids]
    rows = session.scalars(select(UsageEvent).where(UsageEvent.key.in_(keys)))
    return {row.job_id: row for row in rows}


def usage_sums(
    session: Session, tenant_id: str, start: datetime, end: datetime, groups: Sequence[str]
) -> list[UsageSum]:
    """A tenant's usage in `[start, end)`, summed by model, by day (UTC), both or neither."""
    columns: dict[str, ColumnElement[Any]] = {
        "model": UsageEvent.variant.expression,
        "day": func.date(UsageEvent.occurred_at),
    }
    grouping = [columns[name].label(name) for name in groups]
    statement = (
        select(
            *grouping,
            UsageEvent.kind.label("kind"),
            func.count().label("jobs"),
            func.sum(UsageEvent.units).label("units"),
            func.sum(UsageEvent.amount_micros).label("amount_micros"),
        )
        .where(_in_period(tenant_id, start, end))
        .group_by(*grouping, UsageEvent.kind)
        .order_by(*grouping, UsageEvent.kind)
    )
    return [_usage_sum(dict(row)) for row in session.execute(statement).mappings()]


def _usage_sum(row: dict[str, object]) -> UsageSum:
    day = row.get("day")
    return UsageSum(
        model=str(row["model"]) if "model" in row else None,
        day=None if day is None else str(day),
        kind=str(row["kind"]),
        jobs=int(str(row["jobs"])),
        units=int(str(row["units"])),
        amount_micros=int(str(row["amount_micros"])),
    )


def _in_period(tenant_id: str, start: datetime, end: datetime) -> ColumnElement[bool]:
    return (
        (UsageEvent.tenant_id == tenant_id)
        & (UsageEvent.occurred_at >= start)
        & (UsageEvent.occurred_at < end)
    )


_DEPTHS = text("""
SELECT variant, sum(queued)::bigint, sum(running)::bigint,
       coalesce(extract(epoch FROM now() - min(oldest)), 0)::float, sum(cost)::float
FROM (
    SELECT variant, count(*) AS queued, 0 AS running, min(created_at) AS oldest,
           sum(cost_seconds) AS cost
    FROM jobs WHERE state = 'queued' GROUP BY variant
    UNION ALL
    SELECT variant, 0, count(*), NULL, 0 FROM jobs WHERE state = 'running' GROUP BY variant
) AS active GROUP BY variant
""")


def queue_depths(session: Session) -> list[QueueDepth]:
    """Every queue that has work, by the database: the lengths of a broker's lists do not tell it.

    Each state is counted by itself, so that its partial index finds the few among all jobs.
    """
    return [
        QueueDepth(variant, depth, running, age, cost)
        for variant, depth, running, age, cost in session.execute(_DEPTHS)
    ]


def claimable_counts(session: Session) -> dict[str, int]:
    """Jobs of each variant that a worker could claim now, by the conditions of `db.jobs.claim`."""
    paused = select(Queue.variant).where(Queue.paused_at.is_not(None))
    statement = (
        select(Job.variant, func.count())
        .where(state_is(JobState.QUEUED), Job.available_at <= func.now())
        .where(Job.expires_at.is_(None) | (Job.expires_at > func.now()))
        .where(Job.variant.not_in(paused))
        .group_by(Job.variant)
    )
    return dict(session.execute(statement).all())
