"""The heartbeat: a thread that renews leases, writes and tells progress, reports the worker."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db import worker_registry
from db.core.session import Database
from db.jobs.claim import renew_leases
from db.values.worker_state import WorkerState
from db.worker_registry import WorkerReport
from workers.runtime.active_jobs import ActiveJobs
from workers.runtime.attempts.webhooks import StepWebhooks
from workers.telemetry.liveness import touch_liveness_file

SOONEST_SECONDS = 0.1
"""The shortest time between two beats, however many jobs make their first step."""

REPORT_SECONDS = 4.0
"""Seconds between two renewals of the worker's row: well within the limit for a live worker."""

_log = structlog.get_logger(__name__)


class Heartbeat:
    """Beats until it is stopped; while the database is away it goes on trying.

    A claim that no longer holds (its job was canceled, or another worker has it) is marked lost,
    and the model call gives it up at its next step.
    """

    def __init__(
        self,
        database: Database,
        active_jobs: ActiveJobs,
        report: Callable[[], WorkerReport],
        *,
        every_seconds: float,
        lease_seconds: float,
        on_drained: Callable[[bool], None] = lambda _drained: None,
        alive_file: Path | None = None,
    ) -> None:
        self._database = database
        self._on_drained = on_drained
        self._active_jobs = active_jobs
        self._step_webhooks = StepWebhooks(database)
        self._report = report
        self._every_seconds = every_seconds
        self._lease_seconds = lease_seconds
        self._alive_file = alive_file
        self._reported_at = 0.0
        self._reported_state: WorkerState | None = None
        self._stopping = threading.Event()
        self._due = threading.Event()
        self._thread = threading.Thread(
            target=self._beat_until_stopped, name="heartbeat", daemon=True
        )

    def start(self) -> None:
        """Report at once, then begin to beat."""
        self._report_worker()
        self._thread.start()

    def beat_soon(self) -> None:
        """Beat before the interval is over: a job has made its first step.

        What its owner pays for a cancellation is the progress that is durable by then.
        """
        self._due.set()

    def stop(self, *, failed: bool = False) -> None:
        """Stop beating and remove the worker from the registry.

        Args:
            failed: the worker never became ready: its row stays, with that state.
        """
        self._stopping.set()
        self._due.set()
        self._thread.join()
        if failed:
            self.report_failure()
            return
        try:
            with self._database.transaction(durable=False) as session:
                worker_registry.remove(session, self._report().id)
        except SQLAlchemyError as error:  # its row goes stale instead
            _log.warning("leave_failed", error=type(error).__name__)

    def report_failure(self) -> None:
        """Report the worker as failed: the process is about to end."""
        report = replace(self._report(), state=WorkerState.FAILED)
        try:
            with self._database.transaction(durable=False) as session:
                worker_registry.report(session, report)
        except SQLAlchemyError as error:  # its row goes stale instead
            _log.warning("leave_failed", error=type(error).__name__)

    def _beat_until_stopped(self) -> None:
        while not self._stopping.is_set():
            self._due.wait(max(self._every_seconds - SOONEST_SECONDS, 0))
            if self._stopping.wait(min(self._every_seconds, SOONEST_SECONDS)):
                return
            self._due.clear()
            touch_liveness_file(self._alive_file)
            try:
                self._beat()
            except SQLAlchemyError as error:
                _log.warning("heartbeat_failed", error=type(error).__name__)

    def _beat(self) -> None:
        self._renew_leases()
        due = time.monotonic() - self._reported_at > REPORT_SECONDS
        if due or self._report().state != self._reported_state:
            self._report_worker()

    def _renew_leases(self) -> None:
        active = self._active_jobs.snapshot()
        if not active:
            return
        progress = {claim: job.progress for claim, job in active.items()}
        with self._database.autocommit() as session:
            held = renew_leases(session, progress, lease_seconds=self._lease_seconds)
        for claim in active.keys() - held:
            active[claim].claim_lost.set()
        self._step_webhooks.enqueue({claim: active[claim] for claim in held if claim in active})

    def _report_worker(self) -> None:
        report = self._report()
        with self._database.transaction(durable=False) as session:
            drained = worker_registry.report(session, report)
        self._on_drained(drained)
        self._reported_at = time.monotonic()
        self._reported_state = report.state
