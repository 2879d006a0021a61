"""The state of each queue: current figures and those of the last hour, one row per model."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from api.web.shared.formats import NONE, duration
from db.jobs import queues
from db.jobs.waiting import WaitReason, outlook_of, ready_workers, unserved_reasons
from db.reports import usage as reports
from db.reports.window import QueueWindow, queue_windows

WINDOW = timedelta(hours=1)
WINDOW_TEXT = "hour"
BACKED_UP_SECONDS = 60.0
"""A queue backs up when its oldest job has waited longer than this."""


@dataclass(frozen=True)
class QueueRow:
    """One queue, for the overview and the page of the queues.

    Attributes:
        state: paused, loading, worker_failing, no_worker, backed_up, flowing or idle.
        oldest_seconds: age of the job that has waited longest; None when none waits.
        drain_seconds: time in which the ready workers do all waiting jobs; None without a ready
            worker, and while the queue is paused.
    """

    variant: str
    state: str
    paused: bool
    workers: int
    waiting: int
    running: int
    oldest_seconds: float | None
    drain_seconds: float | None
    arrivals_per_minute: float
    completions_per_minute: float
    failed: int
    wait_p50: float | None
    wait_p95: float | None
    run_p50: float | None
    run_p95: float | None

    @property
    def drain_text(self) -> str:
        """The time until all waiting jobs are done, as text."""
        if not self.waiting:
            return NONE
        if self.paused:
            return "paused"
        return "never" if self.drain_seconds is None else duration(self.drain_seconds)


def queue_rows(session: Session, offered: Iterable[str]) -> list[QueueRow]:
    """Every queue that is offered, has jobs, or had jobs within the last hour; sorted by name."""
    depths = {row.variant: row for row in reports.queue_depths(session)}
    windows = {row.variant: row for row in queue_windows(session, WINDOW)}
    paused = queues.paused_variants(session)
    names = sorted({*offered, *depths, *windows})
    ready = ready_workers(session)
    unserved = unserved_reasons(session)
    return [
        _row(
            depths.get(name, reports.QueueDepth(name, 0, 0, 0.0)),
            windows.get(name, QueueWindow(name, 0, 0, 0, None, None, None, None)),
            ready.get(name, 0),
            unserved.get(name, WaitReason.NO_WORKER),
            paused=name in paused,
        )
        for name in names
    ]


def _row(
    depth: reports.QueueDepth,
    window: QueueWindow,
    workers: int,
    unserved: WaitReason,
    *,
    paused: bool,
) -> QueueRow:
    minutes = WINDOW.total_seconds() / 60
    outlook = outlook_of(workers, depth.cost_seconds, paused=paused)
    return QueueRow(
        variant=depth.variant,
        state="paused" if paused else _state(depth, workers, unserved),
        paused=paused,
        workers=workers,
        waiting=depth.queued,
        running=depth.running,
        oldest_seconds=depth.oldest_age_seconds if depth.queued else None,
        drain_seconds=outlook.expected_wait_seconds,
        arrivals_per_minute=window.arrived / minutes,
        completions_per_minute=window.succeeded / minutes,
        failed=window.failed,
        wait_p50=window.wait_p50,
        wait_p95=window.wait_p95,
        run_p50=window.run_p50,
        run_p95=window.run_p95,
    )


def _state(depth: reports.QueueDepth, workers: int, unserved: WaitReason) -> str:
    if not workers:
        return unserved
    if depth.queued and depth.oldest_age_seconds > BACKED_UP_SECONDS:
        return "backed_up"
    return "flowing" if depth.queued or depth.running else "idle"
