"""What Prometheus is shown of the database's state: figures that no process can count alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.jobs.waiting import WORKER_STALE_SECONDS
from db.reports import usage as reports
from db.reports.usage import QueueDepth


@dataclass(frozen=True)
class DatabaseGauges:
    """How everything stands now.

    Attributes:
        queues: those that have work.
        ready_workers: live workers that take jobs, by variant.
        workers: live workers by state.
        paused: variants whose queue an operator has paused.
        open_holds: jobs that money or an allowance is held for.
        oldest_hold_seconds: how long the oldest of them has been held.
    """

    queues: Sequence[QueueDepth]
    ready_workers: Mapping[str, int]
    workers: Mapping[str, int]
    paused: Sequence[str]
    open_holds: int
    oldest_hold_seconds: float


_READY = text("""
SELECT variant, count(*) FROM workers, unnest(variants) AS variant
WHERE state IN ('ready', 'busy') AND drained_at IS NULL AND heartbeat_at > now() - :stale
GROUP BY variant
""")

_WORKERS = text("""
SELECT state, count(*) FROM workers WHERE heartbeat_at > now() - :stale GROUP BY state
""")

_HOLDS = text("""
SELECT count(*), coalesce(extract(epoch FROM now() - min(jobs.created_at)), 0)::float
FROM holds JOIN jobs ON jobs.id = holds.job_id WHERE holds.state = 'open'
""")

_PAUSED = text("SELECT variant FROM queues WHERE paused_at IS NOT NULL")


def snapshot(session: Session) -> DatabaseGauges:
    """Read it all; each statement looks at rows that are active, by a partial index or few."""
    stale = {"stale": timedelta(seconds=WORKER_STALE_SECONDS)}
    open_holds, oldest_hold = session.execute(_HOLDS).one()
    return DatabaseGauges(
        queues=reports.queue_depths(session),
        ready_workers=dict(session.execute(_READY, stale).all()),
        workers=dict(session.execute(_WORKERS, stale).all()),
        paused=session.scalars(_PAUSED).all(),
        open_holds=open_holds,
        oldest_hold_seconds=float(oldest_hold),
    )
