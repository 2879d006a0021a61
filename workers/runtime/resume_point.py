"""The resume point of a job in the database, as an adapter reads and writes it."""

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db.core.session import Database
from db.jobs import resume_points
from db.jobs.queries import find_job
from db.jobs.types import Claim
from db.values.job_state import JobState
from workers.adapters.protocol import CancellationRequestedError, Stopped

_log = structlog.get_logger(__name__)


class StoredResumePoint:
    """A `workers.adapters.protocol.ResumePoint` that outlives the worker."""

    def __init__(self, database: Database, held: Claim) -> None:
        self._database = database
        self._held = held

    def read(self) -> str | None:
        """The text that was written last; the first attempt needs no query to know of none."""
        if self._held.attempt == 1:
            return None
        with self._database.transaction(durable=False) as session:
            return resume_points.read(session, self._held.job_id)

    def begin_task(self) -> None:
        """Count a task; the database must have it before the vendor.

        Raises:
            CancellationRequestedError: the owner has canceled the job.
            Stopped: another attempt has the job, or an operator canceled it.
            sqlalchemy.exc.SQLAlchemyError: the database is away: nothing may be submitted.
        """
        with self._database.transaction() as session:
            if resume_points.begin_task(session, self._held):
                return
            job = find_job(session, tenant_id=None, job_id=self._held.job_id)
        if job is not None and (job.state, job.attempt) == (JobState.RUNNING, self._held.attempt):
            raise CancellationRequestedError
        raise Stopped("given up")

    def drop_task(self) -> None:
        """Take back the count; while the database is away the task counts as billed."""
        try:
            with self._database.transaction() as session:
                resume_points.drop_task(session, self._held)
        except SQLAlchemyError as error:
            _log.warning("task_not_dropped", job_id=self._held.job_id, error=type(error).__name__)

    def write(self, text: str) -> None:
        """Write a text, unless another attempt has the job, or the database is away."""
        try:
            with self._database.transaction() as session:
                resume_points.write(session, self._held, text)
        except SQLAlchemyError as error:
            _log.warning("note_lost", job_id=self._held.job_id, error=type(error).__name__)
