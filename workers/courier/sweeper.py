"""The sweeper: rescues jobs with a lost lease, expires jobs, enqueues missing tickets.

It also deletes stale workers and idempotency keys. Any number of processes may sweep at once:
every repair is a guarded write, and a superfluous ticket is a no-op.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from db import worker_registry
from db.core.invariants import Violation, violations
from db.core.session import Database
from db.jobs import fair_share, idempotency
from db.jobs.finish import expire_job, expired_job_ids, expired_lease_ids, rescue_job
from db.reports import usage
from db.tables import Job
from db.values.job_state import JobState
from workers.messaging.events import Publisher
from workers.messaging.queue import ENOUGH_TICKETS, QueueNotifier, Ticket
from workers.telemetry import metrics
from workers.telemetry.liveness import touch_liveness_file

AUDIT_SECONDS = 3600.0
"""Seconds between two checks of the invariants: a check reads all the books."""

_BATCH = 500
_STALE_WORKER_SECONDS = 3600.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SweepReport:
    """The numbers of repairs of one sweep, named like the labels of their metric.

    Attributes:
        recovered: jobs that were rescued from a lost worker.
        expired: jobs that nobody claimed in time.
        rung: tickets that were missing and are enqueued.
    """

    recovered: int
    expired: int
    rung: int


class Sweeper:
    """Sweeps until it is stopped."""

    def __init__(
        self, database: Database, queue_notifier: QueueNotifier, publisher: Publisher
    ) -> None:
        self._database = database
        self._notifier = queue_notifier
        self._publisher = publisher
        self._audit_due = time.monotonic() + AUDIT_SECONDS

    def run(
        self, stopping: threading.Event, *, every_seconds: float, alive_file: Path | None = None
    ) -> None:
        """Sweep at once and then regularly; while the database is down, try again later."""
        while True:
            touch_liveness_file(alive_file)
            try:
                self.sweep()
                self._audit_when_due()
                metrics.count_sweep("ok")
            except SQLAlchemyError as error:
                metrics.count_sweep("failed")
                _log.warning("sweep_failed", error=type(error).__name__)
            if stopping.wait(every_seconds):
                return

    def sweep(self) -> SweepReport:
        """Repair everything that needs it now."""
        report = SweepReport(
            recovered=self._repair_all(expired_lease_ids, rescue_job),
            expired=self._repair_all(expired_job_ids, expire_job),
            rung=self._enqueue_missing_tickets(),
        )
        with self._database.transaction(durable=False) as session:
            worker_registry.delete_stale(session, older_than_seconds=_STALE_WORKER_SECONDS)
            idempotency.delete_expired(session, _BATCH)
        for kind, count in asdict(report).items():
            metrics.count_repairs(kind, count)
        if report != SweepReport(0, 0, 0):
            _log.info("swept", **asdict(report))
        return report

    def audit(self) -> list[Violation]:
        """Check the invariants; a broken one can only be reported, as an error in the log."""
        with self._database.transaction(durable=False) as session:
            broken = violations(session)
        metrics.set_violations(len(broken))
        for violation in broken:
            _log.error("invariant_broken", rule=violation.rule, examples=list(violation.examples))
        return broken

    def repair_fair_share(self) -> Sequence[str]:
        """Restart the queues whose virtual time is no number; returns their variants."""
        with self._database.transaction() as session:
            restarted = fair_share.restart_broken_queues(session)
        if restarted:
            _log.error("fair_share_restarted", variants=list(restarted))
        return restarted

    def _audit_when_due(self) -> None:
        if time.monotonic() > self._audit_due:
            self._audit_due = time.monotonic() + AUDIT_SECONDS
            self.repair_fair_share()
            self.audit()

    def _repair_all(
        self,
        find: Callable[..., Sequence[str]],
        repair: Callable[[Session, str], Job | None],
    ) -> int:
        with self._database.transaction(durable=False) as session:
            job_ids = find(session, limit=_BATCH)
        return sum(self._repair(job_id, repair) for job_id in job_ids)

    def _repair(self, job_id: str, repair: Callable[[Session, str], Job | None]) -> bool:
        with self._database.transaction() as session:
            job = repair(session, job_id)
        if job is None:
            return False
        if job.state == JobState.QUEUED:
            self._publisher.publish_state(job.id, job.state, attempt=job.attempt)
        else:
            metrics.count_finished_job(job.variant, job.state, job.error_code or "")
            self._publisher.publish_done(job.id, job.state)
        return True

    def _enqueue_missing_tickets(self) -> int:
        """Enqueue a ticket for each claimable job without one, up to `ENOUGH_TICKETS` a queue."""
        with self._database.transaction(durable=False) as session:
            claimable = usage.claimable_counts(session)
        enqueued = 0
        for variant, count in claimable.items():
            waiting = self._notifier.waiting_tickets(variant)
            if waiting is None:
                return enqueued  # Redis is down: the next sweep enqueues the rest
            missing = min(count, ENOUGH_TICKETS) - waiting
            enqueued += sum(self._notifier.notify(Ticket(variant)) for _ in range(missing))
        return enqueued
