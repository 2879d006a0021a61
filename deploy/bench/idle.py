"""Idle share of the device while jobs are queued."""

import time
import urllib.request
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import func, select

from db.core.session import Database
from db.tables import Job
from db.values.job_state import JobState
from deploy.bench.stack import FLUX_VARIANT, BenchStack

_BUSY = "bottega_device_busy_seconds_total"
_POLL_SECONDS = 0.05
_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class _BatchEnd:
    """The device's total busy seconds at the end of a batch, and the time of the reading."""

    at: float
    busy_seconds: float


def measure_device_idle(stack: BenchStack, jobs: int) -> dict[str, float]:
    """Submit jobs faster than the worker runs them, and poll the worker's busy counter.

    The counter grows when a batch leaves the device. The window is from the first such moment to
    the last one with jobs still queued; its busy time is exact to one poll.

    Returns:
        The fraction of the window in which no batch was on the device, and the window's seconds.

    Raises:
        RuntimeError: the backlog was too short for two batches.
    """
    with stack.client(0) as client:
        submitted = [
            client.submit(FLUX_VARIANT, {"prompt": "a blue square", "steps": 4, "seed": seed})["id"]
            for seed in range(jobs)
        ]
    ends = _watch(stack)
    with stack.client(0) as client:  # the first connection was idle for too long
        client.wait_for_success(submitted[-1])
    if len(ends) < 2:  # noqa: PLR2004 - a window has two ends
        raise RuntimeError("the backlog was too short for two batches")
    window = ends[-1].at - ends[0].at
    busy = ends[-1].busy_seconds - ends[0].busy_seconds
    # The worker's counter is slightly ahead of the completion at which it is read.
    idle = max(0.0, 1 - busy / window)
    return {"device_idle_fraction": idle, "device_idle_window_seconds": window}


def _watch(stack: BenchStack) -> list[_BatchEnd]:
    """The end of every batch while jobs are queued; the first reading is not the end of a batch."""
    readings = [_BatchEnd(time.monotonic(), _busy_seconds(stack.metrics_url))]
    while _queued(stack.database):
        time.sleep(_POLL_SECONDS)
        busy = _busy_seconds(stack.metrics_url)
        if busy > readings[-1].busy_seconds:
            readings.append(_BatchEnd(time.monotonic(), busy))
    return readings[1:]


def _busy_seconds(metrics_url: str) -> float:
    with urllib.request.urlopen(metrics_url, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310 - ours
        families = text_string_to_metric_families(response.read().decode())
        samples = [sample for family in families for sample in family.samples]
    return sum(s.value for s in samples if s.name == _BUSY and s.labels["variant"] == FLUX_VARIANT)


def _queued(database: Database) -> int:
    waiting = select(func.count()).where(Job.variant == FLUX_VARIANT, Job.state == JobState.QUEUED)
    with database.transaction(durable=False) as session:
        return session.scalar(waiting) or 0
