"""A job's note in the database, as an adapter has it."""

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db.core.session import Database
from db.jobs import resume_points as attempt_notes
from db.jobs.types import Claim

_log = structlog.get_logger(__name__)


class StoredResumePoint:
    """What an attempt leaves for the next one; see `workers.adapters.protocol.ResumePoint`."""

    def __init__(self, database: Database, held: Claim) -> None:
        self._database = database
        self._held = held

    def read(self) -> str | None:
        """What was written last; asked for only where an attempt came before this one."""
        if self._held.attempt == 1:
            return None
        with self._database.transaction(durable=False) as session:
            return attempt_notes.read(session, self._held.job_id)

    def write(self, text: str) -> None:
        """Leave this, unless the job has been taken away, or the database is."""
        try:
            with self._database.transaction() as session:
                attempt_notes.write(session, self._held, text)
        except SQLAlchemyError as error:
            _log.warning("note_lost", job_id=self._held.job_id, error=type(error).__name__)
