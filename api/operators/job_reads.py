"""Operators' reads of what tenants wrote and painted: each leaves an entry in the audit log."""

from typing import Protocol

from db.core.session import Database
from db.operators import audit
from db.operators.audit import Actor


class ReadServices(Protocol):
    """The services of a read; `api.services.Services` has them."""

    @property
    def database(self) -> Database:
        """The database."""


def record_job_read(services: ReadServices, actor: Actor, job_id: str) -> None:
    """Enter a read of a job's prompt or pictures, once per operator, job and quarter of an hour.

    The caller has found the job, and answers after this: there is no read without its entry.
    """
    with services.database.transaction() as session:
        audit.record_job_read(session, actor, job_id)
