"""The device: batches one at a time, split when one does not fit or a job spoils it.

A hosted model has no device here: its row says how many calls of it may run at once.
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
    DeviceNotReadyError,
    Economical,
    OutOfMemoryError,
    Output,
    Report,
    ShouldStop,
    Stopped,
    Work,
)
from workers.messaging.events import Publisher
from workers.runtime.active_jobs import ActiveJob
from workers.runtime.attempts.results import Outcome
from workers.runtime.failures import NeverRunError, TimeoutExceededError
from workers.telemetry.metrics import add_device_seconds, count_batch_split, observe_batch

Batch = Sequence[tuple[ActiveJob, Work]]
RunModel = Callable[[Sequence[Work], Report, ShouldStop], list[Output]]

_log = structlog.get_logger(__name__)


class Device:
    """Serialises the model calls of one device, and turns what they raise into outcomes by job."""

    def __init__(
        self,
        publisher: Publisher,
        make_ready: Callable[[str], object] = lambda _variant: None,
        on_first_step: Callable[[], object] = lambda: None,
        on_used: Callable[[str], object] = lambda _variant: None,
    ) -> None:
        """Serialise the calls of one device.

        Args:
            publisher: publishes progress.
            make_ready: loads a variant's model onto the device; called while no batch runs.
            on_first_step: called when a batch has made its first step.
            on_used: called with its variant when a batch is over.
        """
        self._make_ready = make_ready
        self._lock = threading.Lock()
        self._hosted: dict[str, threading.BoundedSemaphore] = {}
        self._publisher = publisher
        self._on_first_step = on_first_step
        self._on_used = on_used
        self._failed = False

    @property
    def has_failed(self) -> bool:
        """True once the device failed for good: no later batch is run."""
        return self._failed

    def run(
        self, adapter: Adapter, batch: Batch, *, concurrency: int = 1
    ) -> tuple[list[Outcome], float]:
        """Run a batch when the device is free.

        Args:
            adapter: the variant's code.
            batch: jobs of one variant, with the same batch key.
            concurrency: the row's `calls_at_once`; above 1 the device is not waited for.

        Returns:
            One outcome for each job, in order, and the seconds of the call.
        """
        variant = batch[0][0].row.variant
        with self._lock_for(variant, concurrency):
            began = time.monotonic()
            # Once for the batch, and before the deadlines start: a job does not pay for the
            # loading of a model, and a load that fails is no reason to try smaller batches.
            fault = self._load(variant)
            outcomes: list[Outcome] = [fault for _ in batch] if fault else self._run(adapter, batch)
            seconds = time.monotonic() - began
            self._on_used(variant)
        if concurrency == 1:
            add_device_seconds(variant, seconds)
        return outcomes, seconds

    def when_free(self, action: Callable[[], object]) -> bool:
        """Do something with the device, unless a batch has it; false when one has."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            action()
        finally:
            self._lock.release()
        return True

    def _lock_for(self, variant: str, concurrency: int) -> AbstractContextManager[object]:
        if concurrency == 1:
            return self._lock
        return self._hosted.setdefault(variant, threading.BoundedSemaphore(concurrency))

    def _load(self, variant: str) -> Exception | None:
        """Make the variant's model ready; the error for the whole batch where that fails."""
        if self._failed:
            return NeverRunError()
        try:
            self._make_ready(variant)
        except DeviceLostError as error:
            self._lose(variant, error)
            return error
        except Exception as error:  # noqa: BLE001 - whatever a load raises ends as an outcome
            if not isinstance(error, AdapterError):
                _log.error("model_load_failed", variant=variant, exc_info=error)
            return error
        return None

    def _lose(self, variant: str, error: DeviceLostError) -> None:
        self._failed = True
        _log.error("device_lost", variant=variant, exc_info=error)

    def _run(self, adapter: Adapter, batch: Batch) -> list[Outcome]:
        if self._failed:
            return [NeverRunError() for _ in batch]
        try:
            return list(self._call_within_memory(adapter, batch))
        except DeviceLostError as error:
            self._lose(batch[0][0].row.variant, error)
            return [error for _ in batch]
        except Stopped:
            return [_stop_reason(job) for job, _ in batch]
        except Exception as error:  # noqa: BLE001 - whatever a model raises ends as an outcome
            if len(batch) == 1:
                _log_unexpected(batch[0][0], error)
                return [error]
            too_large = isinstance(error, OutOfMemoryError)
        finally:
            for job, _ in batch:
                job.leave_device()
        if too_large:
            count_batch_split(batch[0][0].row.variant)
        parts = _halves(batch) if too_large else [[each] for each in batch]
        return [outcome for part in parts for outcome in self._run(adapter, part)]

    def _call_within_memory(self, adapter: Adapter, batch: Batch) -> list[Output]:
        """Run a batch; a job that does not fit alone is run once more, in less memory.

        Both tries share its deadline.
        """
        for job, _ in batch:
            job.enter_device()
        try:
            return self._call(adapter.run, batch)
        except OutOfMemoryError:
            if len(batch) > 1 or batch[0][0].claim_lost.is_set():
                raise
        variant, job_id = batch[0][0].row.variant, batch[0][0].row.id
        _log.warning("run_again_in_least_memory", variant=variant, job_id=job_id)
        run = adapter.run_in_least_memory if isinstance(adapter, Economical) else adapter.run
        try:
            return self._call(run, batch)
        except DeviceNotReadyError as error:
            raise DeviceLostError(f"the device of {variant} does not begin any more") from error

    def _call(self, run: RunModel, batch: Batch) -> list[Output]:
        jobs = [job for job, _ in batch]

        def report(step: int, steps: int) -> None:
            is_first = not any(job.progress[0] for job in jobs)
            for job in jobs:
                job.progress = (step, steps)
                progress = {"step": step, "steps": steps, "fraction": step / steps}
                self._publisher.publish(job.row.id, "progress", progress)
            if is_first:
                self._on_first_step()

        def should_stop() -> bool:
            return all(job.claim_lost.is_set() or job.is_overdue for job in jobs)

        observe_batch(jobs[0].row.variant, len(jobs))
        return run([work for _, work in batch], report, should_stop)


def _halves(batch: Batch) -> list[Batch]:
    middle = len(batch) // 2
    return [batch[:middle], batch[middle:]]


def _log_unexpected(job: ActiveJob, error: Exception) -> None:
    if not isinstance(error, AdapterError):
        _log.error("model_call_failed", job_id=job.row.id, exc_info=error)


def _stop_reason(job: ActiveJob) -> Exception:
    if job.is_overdue and not job.claim_lost.is_set():
        return TimeoutExceededError(job.deadline_seconds)
    return Stopped("given up")
