"""How much of the time the device waits for work while work is queued."""

import time
import urllib.request
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import func, select

from db.core.session import Database
from db.tables import Job
from db.values.job_state import JobState
from deploy.bench.stack import PAINTER, BenchStack

_BUSY = "bottega_device_busy_seconds_total"
_POLL_SECONDS = 0.05
_ASK_SECONDS = 10.0


@dataclass(frozen=True)
class _BatchEnd:
    """The device's busy seconds, just after a batch has left it, and when that was."""

    at: float
    busy_seconds: float


def measure_device_idle(stack: BenchStack, jobs: int) -> dict[str, float]:
    """Submit pictures faster than they are painted, and watch the worker's own counter.

    The counter grows when a batch leaves the device, so the window reaches from one such moment
    to the last one at which jobs were still queued; what lies between is exact to the poll.

    Returns:
        The fraction of the window in which no batch was on the device, and the window's seconds.

    Raises:
        RuntimeError: the backlog was too short to show two batches.
    """
    with stack.client(0) as client:
        submitted = [
            client.submit(PAINTER, {"prompt": "a blue square", "steps": 4, "seed": seed})["id"]
            for seed in range(jobs)
        ]
    ends = _watch(stack)
    with stack.client(0) as client:  # the first was idle for too long
        client.finished(submitted[-1])
    if len(ends) < 2:  # noqa: PLR2004 - a window has two ends
        raise RuntimeError("the backlog was too short to show two batches")
    window = ends[-1].at - ends[0].at
    busy = ends[-1].busy_seconds - ends[0].busy_seconds
    # The worker's count is a moment ahead of the completion that it is read at.
    idle = max(0.0, 1 - busy / window)
    return {"device_idle_fraction": idle, "device_idle_window_seconds": window}


def _watch(stack: BenchStack) -> list[_BatchEnd]:
    """Every batch's end while jobs are queued; the first value read is no batch's end."""
    seen = [_BatchEnd(time.monotonic(), _busy_seconds(stack.metrics_url))]
    while _queued(stack.database):
        time.sleep(_POLL_SECONDS)
        busy = _busy_seconds(stack.metrics_url)
        if busy > seen[-1].busy_seconds:
            seen.append(_BatchEnd(time.monotonic(), busy))
    return seen[1:]


def _busy_seconds(metrics_url: str) -> float:
    with urllib.request.urlopen(metrics_url, timeout=_ASK_SECONDS) as answer:  # noqa: S310 - ours
        families = text_string_to_metric_families(answer.read().decode())
        samples = [sample for family in families for sample in family.samples]
    return sum(s.value for s in samples if s.name == _BUSY and s.labels["variant"] == PAINTER)


def _queued(database: Database) -> int:
    waiting = select(func.count()).where(Job.variant == PAINTER, Job.state == JobState.QUEUED)
    with database.transaction(durable=False) as session:
        return session.scalar(waiting) or 0
