"""What time calls for: lost leases, expired jobs, missing tickets, what is to be forgotten.

Any number of processes may sweep at once: every repair is a guarded write, and a ticket too many
is a no-op.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from db import worker_registry as worker_register
from db.core.invariants import Violation, violations
from db.core.session import Database
from db.jobs import idempotency
from db.jobs.finish import expire_job, expired_job_ids, expired_lease_ids, rescue_job
from db.reports import usage as reports
from db.tables import Job
from db.values.job_state import JobState
from workers.messaging.events import Publisher
from workers.messaging.queue import ENOUGH_TICKETS, QueueNotifier, Ticket
from workers.telemetry import metrics
from workers.telemetry.liveness import touch_liveness_file

AUDIT_SECONDS = 3600.0
"""How often the invariants are checked: it reads all the books."""

_BATCH = 500
_FORGET_WORKER_SECONDS = 3600.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Swept:
    """What one sweep repaired."""

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
        """Sweep at once and then regularly; a database that is away is waited for."""
        while True:
            touch_liveness_file(alive_file)
            try:
                self.sweep()
                self._audit_when_due()
                metrics.maintenance_ran("ok")
            except SQLAlchemyError as error:
                metrics.maintenance_ran("failed")
                _log.warning("sweep_failed", error=type(error).__name__)
            if stopping.wait(every_seconds):
                return

    def sweep(self) -> Swept:
        """Repair what can be repaired now."""
        swept = Swept(
            recovered=self._each(expired_lease_ids, rescue_job),
            expired=self._each(expired_job_ids, expire_job),
            rung=self._ring_missing(),
        )
        with self._database.transaction(durable=False) as session:
            worker_register.delete_stale(session, older_than_seconds=_FORGET_WORKER_SECONDS)
            idempotency.delete_expired(session, _BATCH)
        for kind, count in asdict(swept).items():
            metrics.maintenance_repaired(kind, count)
        if swept != Swept(0, 0, 0):
            _log.info("swept", recovered=swept.recovered, expired=swept.expired, rung=swept.rung)
        return swept

    def audit(self) -> list[Violation]:
        """Check that the books agree; what does not can only be reported, as errors in the log."""
        with self._database.transaction(durable=False) as session:
            broken = violations(session)
        metrics.books_checked(len(broken))
        for found in broken:
            _log.error("invariant_broken", rule=found.rule, examples=list(found.examples))
        return broken

    def _audit_when_due(self) -> None:
        if time.monotonic() > self._audit_due:
            self._audit_due = time.monotonic() + AUDIT_SECONDS
            self.audit()

    def _each(
        self,
        find: Callable[..., Sequence[str]],
        repair: Callable[[Session, str], Job | None],
    ) -> int:
        with self._database.transaction(durable=False) as session:
            found = find(session, limit=_BATCH)
        return sum(self._repair(job_id, repair) for job_id in found)

    def _repair(self, job_id: str, repair: Callable[[Session, str], Job | None]) -> bool:
        with self._database.transaction() as session:
            job = repair(session, job_id)
        if job is None:
            return False
        if job.state == JobState.QUEUED:
            self._publisher.state(job.id, job.state, attempt=job.attempt)
        else:
            metrics.job_finished(job.variant, job.state, job.error_code or "")
            self._publisher.done(job.id, job.state)
        return True

    def _ring_missing(self) -> int:
        """A ticket for each claimable job that none is on its way for, until there are enough."""
        with self._database.transaction(durable=False) as session:
            claimable = reports.claimable_counts(session)
        rung = 0
        for variant, count in claimable.items():
            waiting = self._notifier.waiting_tickets(variant)
            if waiting is None:
                return rung  # Redis is away: the next sweep rings
            missing = min(count, ENOUGH_TICKETS) - waiting
            rung += sum(self._notifier.notify(Ticket(variant)) for _ in range(missing))
        return rung
