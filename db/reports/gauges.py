"""Gauges for Prometheus: figures of the database that no process can count alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.billing.vendor import Spend, spend_today
from db.jobs.waiting import SERVING_NOW, WORKER_STALE_SECONDS
from db.reports.usage import QueueDepth, queue_depths
from db.tenants import api_keys


@dataclass(frozen=True)
class DatabaseGauges:
    """The gauges of one moment.

    Attributes:
        queues: the queues that have work.
        ready_workers: live workers that claim jobs of a variant and can load its model.
        workers: live workers by state.
        paused: variants whose queue an operator has paused.
        open_holds: jobs with an open hold.
        oldest_hold_seconds: the age of the oldest open hold.
        vendor: today's spend at the vendor of hosted models.
        expiring_keys: valid keys that expire within a week, by their owner: operator or tenant.
    """

    queues: Sequence[QueueDepth]
    ready_workers: Mapping[str, int]
    workers: Mapping[str, int]
    paused: Sequence[str]
    open_holds: int
    oldest_hold_seconds: float
    vendor: Spend
    expiring_keys: Mapping[str, int]


_READY = text(f"""
SELECT variant, count(*) FROM workers, unnest(variants) AS variant
WHERE {SERVING_NOW} AND drained_at IS NULL
GROUP BY variant
""")  # noqa: S608 - our own fragments

_WORKERS = text("""
SELECT state, count(*) FROM workers WHERE heartbeat_at > now() - :stale GROUP BY state
""")

_HOLDS = text("""
SELECT count(*), coalesce(extract(epoch FROM now() - min(jobs.created_at)), 0)::float
FROM holds JOIN jobs ON jobs.id = holds.job_id WHERE holds.state = 'open'
""")

_PAUSED = text("SELECT variant FROM queues WHERE paused_at IS NOT NULL")


def snapshot(session: Session) -> DatabaseGauges:
    """Read all gauges; each statement reads few rows, or active ones by a partial index."""
    stale = {"stale": timedelta(seconds=WORKER_STALE_SECONDS)}
    open_holds, oldest_hold = session.execute(_HOLDS).one()
    return DatabaseGauges(
        queues=queue_depths(session),
        ready_workers=dict(session.execute(_READY, stale).all()),
        workers=dict(session.execute(_WORKERS, stale).all()),
        paused=session.scalars(_PAUSED).all(),
        open_holds=open_holds,
        oldest_hold_seconds=float(oldest_hold),
        vendor=spend_today(session),
        expiring_keys=api_keys.count_expiring(session),
    )
