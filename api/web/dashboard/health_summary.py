"""The summary of the service's health: one sentence, and one for each queue with a problem."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.web.dashboard.queue_rows import QueueRow
from api.web.shared.formats import count, duration, plural
from db.jobs.waiting import WaitReason

_MAX_LINES = 3
_UNSERVED = {
    WaitReason.NO_WORKER: "has no worker",
    WaitReason.WORKER_FAILING: "has only workers that fail or cannot load it",
    WaitReason.LOADING: "is being loaded",
}


@dataclass(frozen=True)
class HealthSummary:
    """The first thing that an operator reads.

    Attributes:
        kind: good, warn or bad.
        headline: the number of workers that are ready.
        lines: the queues with a problem, worst first; one line says so when there is none.
    """

    kind: str
    headline: str
    lines: list[str]


def health_summary(
    queues: Sequence[QueueRow], *, ready: int, workers: int, troubled: int = 0
) -> HealthSummary:
    """Summarize the service's health from its workers and queues.

    Args:
        queues: every queue.
        ready: workers that take jobs.
        workers: all workers that report.
        troubled: those that take jobs and cannot load one of their models.
    """
    waiting = [row for row in queues if row.waiting]
    stuck = [row for row in waiting if row.state in ("no_worker", "worker_failing")]
    slow = [row for row in waiting if row.state in ("backed_up", "loading")]
    paused = [row for row in queues if row.state == "paused"]
    failing = [row for row in queues if row.state == "worker_failing" and not row.waiting]
    ranked = [*_longest_first(stuck), *_longest_first(slow), *failing, *_longest_first(paused)]
    lines = [_line(row) for row in ranked[:_MAX_LINES]]
    if len(ranked) > _MAX_LINES:
        lines.append(f"{plural(len(ranked) - _MAX_LINES, 'more queue')} with a problem.")
    return HealthSummary(
        kind=_kind(
            is_stuck=bool(stuck),
            is_slow=bool(slow or paused or failing or troubled),
            ready=ready,
            workers=workers,
        ),
        headline=_headline(ready, workers, troubled),
        lines=lines or [_healthy_line(queues)],
    )


def _longest_first(rows: list[QueueRow]) -> list[QueueRow]:
    return sorted(rows, key=lambda row: row.oldest_seconds or 0.0, reverse=True)


def _kind(*, is_stuck: bool, is_slow: bool, ready: int, workers: int) -> str:
    if is_stuck or not ready:
        return "bad"
    return "warn" if is_slow or ready < workers else "good"


def _headline(ready: int, workers: int, troubled: int) -> str:
    if not workers:
        return "No worker is up."
    trouble = f", {count(troubled)} with a problem" if troubled else ""
    return f"{count(ready)} of {plural(workers, 'worker')} ready{trouble}."


def _line(row: QueueRow) -> str:
    waits = f"{count(row.waiting)} waiting, oldest {duration(row.oldest_seconds)}"
    if row.state == "paused":
        return f"{row.variant} is paused" + (f": {waits}." if row.waiting else ".")
    if row.state in _UNSERVED:
        what = f"{row.variant} {_UNSERVED[WaitReason(row.state)]}"
        return f"{what}: {waits}." if row.waiting else f"{what}."
    return f"{row.variant} backs up: {waits}, drains in {row.drain_text}."


def _healthy_line(queues: Sequence[QueueRow]) -> str:
    waiting = sum(row.waiting for row in queues)
    return f"No queue backs up; {plural(waiting, 'job')} waiting."
