"""Requests that a client sends again without a key: they rejoin the job that they made before.

The digest of a request is unique among a tenant's unfinished jobs, by an index of the table. So a
second insert of the same request fails as a whole, and finds the first one's job instead. Once
that job is over, the same request makes a new one.
"""

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.jobs.finish import cancel_job
from db.tables import Job
from db.tables.index_predicates import state_is
from db.values.job_state import ACTIVE

_INDEX = "uq_jobs_active_digest"


def is_duplicate(error: IntegrityError) -> bool:
    """True for the error of an insert whose digest an unfinished job has."""
    diagnostics = getattr(error.orig, "diag", None)
    return getattr(diagnostics, "constraint_name", None) == _INDEX


def rejoin(session: Session, *, tenant_id: str, digest: bytes, is_synchronous: bool) -> Job | None:
    """The unfinished job that a request has made before; None when it is over, or there is none.

    A synchronous request is counted among those that wait for it.
    """
    statement = (
        update(Job)
        .where(Job.tenant_id == tenant_id, Job.deduplication_digest == digest)
        .where(state_is(*sorted(ACTIVE)))
        .values(sync_clients=Job.sync_clients + int(is_synchronous))
        .returning(Job)
    )
    return session.scalars(statement, execution_options={"populate_existing": True}).first()


def leave(session: Session, *, tenant_id: str, job_id: str) -> Job | None:
    """Count a synchronous request less; the job is canceled when none is left.

    A hosted job is never canceled by it: the vendor may have been paid.

    Returns:
        The job when this canceled it, else None.
    """
    statement = (
        update(Job)
        .where(Job.id == job_id, Job.tenant_id == tenant_id, Job.sync_clients > 0)
        .where(state_is(*sorted(ACTIVE)))
        .values(sync_clients=Job.sync_clients - 1)
        .returning(Job.sync_clients, Job.vendor_micros)
    )
    # The row stays locked: a request that rejoins now waits, and then finds the job canceled.
    left = session.execute(statement).one_or_none()
    if left is None or left.sync_clients or left.vendor_micros is not None:
        return None
    return cancel_job(session, tenant_id=tenant_id, job_id=job_id)
