"""Webhooks of a job's start and steps, for the APIs whose clients subscribe to them.

Only those jobs cost anything here. A fault of the database loses an event, and never a job.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from db.core.session import Database
from db.jobs.types import Claim
from db.tables import Job
from db.webhooks import deliveries
from workers.runtime.active_jobs import ActiveJob

EVERY_SECONDS = 0.5
"""The shortest time between two steps of a job that are told."""

_log = structlog.get_logger(__name__)


def enqueue_starts(database: Database, rows: Sequence[Job]) -> None:
    """Enqueue the webhooks of jobs that have just been claimed."""
    for row in rows:
        if row.webhook is not None:
            _enqueue(database, row, partial(deliveries.enqueue_start, job=row))


class StepWebhooks:
    """Enqueues the webhooks of steps, for the heartbeat's thread alone."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._told: dict[Claim, tuple[int, float]] = {}

    def enqueue(self, active: Mapping[Claim, ActiveJob]) -> None:
        """Enqueue the newest step of each active job, unless another one was told just before."""
        self._told = {claim: told for claim, told in self._told.items() if claim in active}
        now = time.monotonic()
        for claim, job in active.items():
            step, steps = job.progress
            last_step, told_at = self._told.get(claim, (0, 0.0))
            if job.row.webhook is None or step <= last_step or now - told_at < EVERY_SECONDS:
                continue
            self._told[claim] = (step, now)
            step_of = partial(deliveries.enqueue_logs, job=job.row, step=step, steps=steps)
            _enqueue(self._database, job.row, step_of)


def _enqueue(database: Database, row: Job, insert: Callable[[Session], None]) -> None:
    try:
        with database.transaction(durable=False) as session:
            insert(session)
    except SQLAlchemyError as error:
        _log.warning("webhook_not_enqueued", job_id=row.id, error=type(error).__name__)
