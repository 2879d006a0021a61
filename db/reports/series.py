"""Time series of queues: a window of time in equal steps, for charts."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from db.reports.time_steps import StepCounts, depths
from db.reports.window import windowed_statement


@dataclass(frozen=True)
class QueueCurves:
    """The series of one queue.

    Attributes:
        arrived: jobs submitted within each step; `finished` and `failed` likewise.
        waiting: jobs in the queue at the end of each step, counted back from now.
        longest_wait_seconds: of the jobs that were started within each step; None without any.
    """

    variant: str
    arrived: list[int]
    finished: list[int]
    failed: list[int]
    waiting: list[int]
    longest_wait_seconds: list[float | None]


@dataclass(frozen=True)
class Curves:
    """The series of every queue, over the same steps.

    Attributes:
        starts: the beginning of each step.
    """

    starts: list[datetime]
    step_seconds: float
    queues: dict[str, QueueCurves]


# Each part uses an index of its own; one statement with OR between the parts used none.
_EVENTS = """
WITH events AS (
    SELECT variant, 'arrived' AS what, created_at AS at, NULL::interval AS waited
    FROM jobs WHERE created_at > now() - :window
    UNION ALL
    SELECT variant, state, finished_at, NULL FROM jobs WHERE finished_at > now() - :window
    UNION ALL
    SELECT variant, 'left', coalesce(started_at, finished_at), started_at - created_at
    FROM jobs WHERE finished_at > now() - :window
    UNION ALL
    SELECT variant, 'left', started_at, started_at - created_at
    FROM jobs WHERE state = 'running'
)
SELECT variant, width_bucket(at, CAST(:starts AS timestamptz[])) - 1 AS step,
    count(*) FILTER (WHERE what = 'arrived') AS arrived,
    count(*) FILTER (WHERE what = 'left') AS left,
    count(*) FILTER (WHERE what = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE what = 'failed') AS failed,
    max(waited) AS longest
FROM events WHERE at > now() - :window GROUP BY 1, 2
"""

_WHAT = ("arrived", "left", "succeeded", "failed")

_WAITING_NOW = text("""
SELECT now() AS now, variant, jobs FROM (VALUES (0)) AS one LEFT JOIN (
    SELECT variant, count(*) AS jobs FROM jobs WHERE state = 'queued' GROUP BY variant
) AS waiting ON true
""")
"""A row for each queue, each with the time; without queues, one row with the time alone."""


def queue_curves(session: Session, *, window: timedelta, steps: int) -> Curves:
    """The series of the last `window`, in so many steps.

    A job that was queued again after a lost attempt leaves the queue at its last claim.
    """
    step = window / steps
    rows = session.execute(_WAITING_NOW).all()
    starts = [rows[0].now - window + step * n for n in range(steps)]
    waiting = {row.variant: row.jobs for row in rows if row.variant is not None}
    found: defaultdict[str, StepCounts] = defaultdict(lambda: StepCounts(steps))
    for row in session.execute(windowed_statement(_EVENTS, window), {"starts": starts}):
        _add_row(found[row.variant], row)
    return Curves(
        starts=starts,
        step_seconds=step.total_seconds(),
        queues={
            name: _curves(name, found[name], waiting.get(name, 0))
            for name in sorted({*found, *waiting})
        },
    )


def _add_row(own: StepCounts, row: Row[Any]) -> None:
    counted: Sequence[int] = row[2:6]
    for what, jobs in zip(_WHAT, counted, strict=True):
        own.counts[what][row.step] = jobs
    if row.longest is not None:
        own.longest[row.step] = max(0.0, row.longest.total_seconds())


def _curves(variant: str, own: StepCounts, waiting_now: int) -> QueueCurves:
    return QueueCurves(
        variant=variant,
        arrived=own.counts["arrived"],
        finished=own.counts["succeeded"],
        failed=own.counts["failed"],
        waiting=depths(waiting_now, own.counts["arrived"], own.counts["left"]),
        longest_wait_seconds=own.longest,
    )
