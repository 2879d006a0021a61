"""Rendering of queues for operators: the current state, and separately that of the window."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy.orm import Session

from api.schemas.admin import QueueInWindow, QueueNow, QueueView
from db.jobs import queues
from db.jobs.waiting import outlook_of, ready_workers
from db.reports import usage as reports
from db.reports.usage import QueueDepth
from db.reports.window import QueueWindow, queue_windows


def queue_views(session: Session, offered: Iterable[str], window: timedelta) -> list[QueueView]:
    """Every queue that is offered, has jobs, or had some in the window; by name."""
    depths = {row.variant: row for row in reports.queue_depths(session)}
    windows = {row.variant: row for row in queue_windows(session, window)}
    paused = queues.paused_variants(session)
    names = sorted({*offered, *depths, *windows})
    ready = ready_workers(session)
    empty = QueueWindow("", 0, 0, 0, None, None, None, None)
    return [
        QueueView(
            model=name,
            now=_now(
                depths.get(name, QueueDepth(name, 0, 0, 0.0)),
                ready.get(name, 0),
                paused=name in paused,
            ),
            window=QueueInWindow.model_validate(windows.get(name, empty)),
        )
        for name in names
    ]


def _now(depth: QueueDepth, workers: int, *, paused: bool) -> QueueNow:
    outlook = outlook_of(workers, depth.cost_seconds, paused=paused)
    return QueueNow(
        paused=paused,
        ready_workers=workers,
        queued=depth.queued,
        running=depth.running,
        oldest_age_seconds=depth.oldest_age_seconds if depth.queued else None,
        drain_seconds=outlook.expected_wait_seconds,
    )
