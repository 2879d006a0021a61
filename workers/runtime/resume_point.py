"""The resume point of a job in the database, as an adapter reads and writes it."""

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db.core.session import Database
from db.jobs import resume_points
from db.jobs.types import Claim

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

    def write(self, text: str) -> None:
        """Write a text, unless another attempt has the job, or the database is away."""
        try:
            with self._database.transaction() as session:
                resume_points.write(session, self._held, text)
        except SQLAlchemyError as error:
            _log.warning("note_lost", job_id=self._held.job_id, error=type(error).__name__)
