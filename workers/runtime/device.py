"""Running a batch on the device: one at a time, split when it does not fit or a mate spoils it.

A model that runs elsewhere has no device here: as many calls of it are made as its row allows.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import structlog

from workers.adapters.protocol import (
    Adapter,
    AdapterError,
    DeviceLostError,
    OutOfMemoryError,
    Output,
    Stopped,
    Work,
)
from workers.messaging.events import Publisher
from workers.runtime.active_jobs import ActiveJob
from workers.runtime.failures import NeverRunError, TimeoutExceededError
from workers.telemetry.metrics import batch_called, batch_halved, device_seconds_spent

Outcome = Output | Exception
Batch = Sequence[tuple[ActiveJob, Work]]

_log = structlog.get_logger(__name__)


class Device:
    """Serialises model calls of one device and turns what they raise into outcomes by job."""

    def __init__(
        self, publisher: Publisher, make_ready: Callable[[str], object] = lambda _variant: None
    ) -> None:
        """Serialise the calls of one device.

        Args:
            publisher: told of progress.
            make_ready: has a variant's model on the device; called with the device free.
        """
        self._make_ready = make_ready
        self._lock = threading.Lock()
        self._elsewhere: dict[str, threading.BoundedSemaphore] = {}
        self._publisher = publisher
        self._lost = False

    @property
    def lost(self) -> bool:
        """Whether the device failed for good: batches that come after it are not run."""
        return self._lost

    def run(
        self, adapter: Adapter, batch: Batch, *, at_once: int = 1
    ) -> tuple[list[Outcome], float]:
        """Run a batch when the device is free.

        Args:
            adapter: the variant's code.
            batch: jobs of one variant, with the same batch key.
            at_once: the row's `calls_at_once`; above 1 the device is not waited for.

        Returns:
            One outcome per job, in order, and the seconds that they took.
        """
        variant = batch[0][0].row.variant
        with self._turn(variant, at_once):
            began = time.monotonic()
            outcomes = self._run(adapter, batch)
            seconds = time.monotonic() - began
        if at_once == 1:
            device_seconds_spent(variant, seconds)
        return outcomes, seconds

    def _turn(self, variant: str, at_once: int) -> AbstractContextManager[object]:
        if at_once == 1:
            return self._lock
        return self._elsewhere.setdefault(variant, threading.BoundedSemaphore(at_once))

    def _run(self, adapter: Adapter, batch: Batch) -> list[Outcome]:
        if self._lost:
            return [NeverRunError() for _ in batch]
        try:
            return list(self._call(adapter, batch))
        except DeviceLostError as error:
            self._lost = True
            _log.error("device_lost", variant=batch[0][0].row.variant, exc_info=error)
            return [error for _ in batch]
        except Stopped:
            return [_why_stopped(job) for job, _ in batch]
        except Exception as error:  # noqa: BLE001 - whatever a model raises ends as an outcome
            if len(batch) == 1:
                _tell(batch[0][0], error)
                return [error]
            too_large = isinstance(error, OutOfMemoryError)
        finally:
            for job, _ in batch:
                job.leave_device()
        if too_large:
            batch_halved(batch[0][0].row.variant)
        parts = _halves(batch) if too_large else [[mate] for mate in batch]
        return [outcome for part in parts for outcome in self._run(adapter, part)]

    def _call(self, adapter: Adapter, batch: Batch) -> list[Output]:
        jobs = [job for job, _ in batch]
        # Before the deadline begins to run: a job is not to pay for others' models.
        self._make_ready(jobs[0].row.variant)
        for job in jobs:
            job.begin()

        def report(step: int, steps: int) -> None:
            for job in jobs:
                job.progress = (step, steps)
                progress = {"step": step, "steps": steps, "fraction": step / steps}
                self._publisher.publish(job.row.id, "progress", progress)

        def should_stop() -> bool:
            return all(job.lost.is_set() or job.overdue for job in jobs)

        batch_called(jobs[0].row.variant, len(jobs))
        return adapter.run([work for _, work in batch], report, should_stop)


def _halves(batch: Batch) -> list[Batch]:
    middle = len(batch) // 2
    return [batch[:middle], batch[middle:]]


def _tell(job: ActiveJob, error: Exception) -> None:
    if not isinstance(error, AdapterError):
        _log.error("model_call_failed", job_id=job.row.id, exc_info=error)


def _why_stopped(job: ActiveJob) -> Exception:
    if job.overdue and not job.lost.is_set():
        return TimeoutExceededError(job.row.deadline_seconds)
    return Stopped("given up")
