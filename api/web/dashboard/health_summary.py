"""One sentence about the whole service, and one for each queue that needs somebody."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.web.dashboard.queue_rows import QueueRow
from api.web.shared.formats import count, duration, plural
from db.jobs.waiting import WaitReason

_MOST_LINES = 3
_UNSERVED = {
    WaitReason.NO_WORKER: "has no worker",
    WaitReason.WORKER_FAILING: "has no worker that is well",
    WaitReason.LOADING: "is being loaded",
}


@dataclass(frozen=True)
class Verdict:
    """What an operator reads first.

    Attributes:
        kind: good, warn or bad.
        headline: how many workers are ready.
        lines: the queues that need somebody, worst first; one line says that none does.
    """

    kind: str
    headline: str
    lines: list[str]


def verdict(queues: Sequence[QueueRow], *, ready: int, workers: int) -> Verdict:
    """Judge the service by its workers and queues.

    Args:
        queues: every queue.
        ready: workers that take jobs.
        workers: all that report.
    """
    waiting = [row for row in queues if row.waiting]
    stuck = [row for row in waiting if row.state in ("no_worker", "worker_failing")]
    backed = [row for row in waiting if row.state in ("backed_up", "loading")]
    held = [row for row in queues if row.state == "paused"]
    ranked = [*_longest_first(stuck), *_longest_first(backed), *_longest_first(held)]
    lines = [_line(row) for row in ranked[:_MOST_LINES]]
    if len(ranked) > _MOST_LINES:
        lines.append(f"{plural(len(ranked) - _MOST_LINES, 'more queue')} need a look.")
    return Verdict(
        kind=_kind(stuck=bool(stuck), uneasy=bool(backed or held), ready=ready, workers=workers),
        headline=_headline(ready, workers),
        lines=lines or [_calm(queues)],
    )


def _longest_first(rows: list[QueueRow]) -> list[QueueRow]:
    return sorted(rows, key=lambda row: row.oldest_seconds or 0.0, reverse=True)


def _kind(*, stuck: bool, uneasy: bool, ready: int, workers: int) -> str:
    if stuck or not ready:
        return "bad"
    return "warn" if uneasy or ready < workers else "good"


def _headline(ready: int, workers: int) -> str:
    if not workers:
        return "No worker is up."
    return f"{count(ready)} of {plural(workers, 'worker')} ready."


def _line(row: QueueRow) -> str:
    waits = f"{count(row.waiting)} waiting, oldest {duration(row.oldest_seconds)}"
    if row.state == "paused":
        return f"{row.variant} is paused" + (f": {waits}." if row.waiting else ".")
    if row.state in _UNSERVED:
        return f"{row.variant} {_UNSERVED[WaitReason(row.state)]}: {waits}."
    return f"{row.variant} backs up: {waits}, drains in {row.drain_text}."


def _calm(queues: Sequence[QueueRow]) -> str:
    waiting = sum(row.waiting for row in queues)
    return f"No queue backs up; {plural(waiting, 'job')} waiting."
