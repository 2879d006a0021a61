"""Curves: a window of time cut into equal steps, for drawing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from db.report_steps import Steps, depths
from db.report_window import windowed


@dataclass(frozen=True)
class QueueCurves:
    """A queue's past, step by step.

    Attributes:
        arrived: jobs submitted within each step; `finished` and `failed` likewise.
        waiting: jobs in the queue at the end of each step, counted back from those that are now.
        longest_wait_seconds: of the jobs that were begun within each step; None where none was.
    """

    variant: str
    arrived: list[int]
    finished: list[int]
    failed: list[int]
    waiting: list[int]
    longest_wait_seconds: list[float | None]


@dataclass(frozen=True)
class Curves:
    """Every queue's, over the same steps.

    Attributes:
        starts: the beginning of each step.
    """

    starts: list[datetime]
    step_seconds: float
    queues: dict[str, QueueCurves]


# Each part is found by an index of its own, which one statement with OR between them was not.
_EVENTS = """
WITH events AS (
    SELECT variant, 'arrived' AS what, created_at AS at, NULL::float8 AS waited
    FROM jobs WHERE created_at > now() - :window
    UNION ALL
    SELECT variant, state, finished_at, NULL FROM jobs WHERE finished_at > now() - :window
    UNION ALL
    SELECT variant, 'left', coalesce(started_at, finished_at),
        extract(epoch FROM started_at - created_at)::float8
    FROM jobs WHERE finished_at > now() - :window
    UNION ALL
    SELECT variant, 'left', started_at, extract(epoch FROM started_at - created_at)::float8
    FROM jobs WHERE state = 'running'
)
SELECT variant, floor(extract(epoch FROM at - (now() - :window))::float8 / :step)::int AS step,
    count(*) FILTER (WHERE what = 'arrived') AS arrived,
    count(*) FILTER (WHERE what = 'left') AS left,
    count(*) FILTER (WHERE what = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE what = 'failed') AS failed,
    max(waited) AS longest
FROM events WHERE at > now() - :window GROUP BY 1, 2
"""

_WAITING_NOW = text("""
SELECT variant, count(*), now() AS now FROM jobs WHERE state = 'queued' GROUP BY variant
""")


def queue_curves(session: Session, *, window: timedelta, steps: int) -> Curves:
    """The last `window`, in so many steps.

    A job that was queued again after a lost attempt counts as having left at its last claim.
    """
    step = window.total_seconds() / steps
    now = session.execute(text("SELECT now()")).scalar_one()
    waiting = {row[0]: row[1] for row in session.execute(_WAITING_NOW)}
    found: dict[str, Steps] = {}
    for row in session.execute(windowed(_EVENTS, window), {"step": step}):
        _enter(found.setdefault(row.variant, Steps(steps)), row, steps)
    return Curves(
        starts=[now - window + timedelta(seconds=step * n) for n in range(steps)],
        step_seconds=step,
        queues={
            name: _curves(name, found.get(name, Steps(steps)), waiting.get(name, 0))
            for name in sorted({*found, *waiting})
        },
    )


def _enter(own: Steps, row: Row[Any], steps: int) -> None:
    place = min(max(row.step, 0), steps - 1)
    for what in ("arrived", "left", "succeeded", "failed"):
        own.counts[what][place] += getattr(row, what)
    if row.longest is not None:
        own.longest[place] = max(own.longest[place] or 0.0, float(row.longest))


def _curves(variant: str, own: Steps, waiting_now: int) -> QueueCurves:
    return QueueCurves(
        variant=variant,
        arrived=own.counts["arrived"],
        finished=own.counts["succeeded"],
        failed=own.counts["failed"],
        waiting=depths(waiting_now, own.counts["arrived"], own.counts["left"]),
        longest_wait_seconds=own.longest,
    )
