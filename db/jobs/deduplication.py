"""Requests that a client sends again without a key: they rejoin the job that they made before.

The digest of a request is unique among a tenant's unfinished jobs, by an index of the table. So a
second insert of the same request fails as a whole, and finds the first one's job instead. Once
that job is over, the same request makes a new one.

Requests of one moment are not each other's retries: a client sends one again only after it has
lost the first. So one that arrived before the first one's job was made, or so soon after it that
the first was still waiting for its end, is a job of its own, without a digest.

A job's `sync_clients` counts the synchronous requests that wait for it. At 0, nobody's departure
cancels the job: it was submitted to run by itself, or a client that polls has rejoined it.
"""

import time
from datetime import timedelta

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from db.jobs.finish import cancel_job
from db.jobs.types import Origin
from db.tables import Job
from db.tables.index_predicates import state_is
from db.values.job_state import ACTIVE

TOGETHER_SECONDS = 0.25
"""Requests that wait for the end, and come within this time after a job was made, were sent
together with that job's own: connections of one client are not equally fast. Clients begin their
retries half a second after a loss, or later."""

_INDEX = "uq_jobs_active_digest"
_DEADLOCK = "40P01"

CONFLICTS = (IntegrityError, OperationalError)
"""The classes of the errors that `is_conflict` examines."""


def is_conflict(error: DBAPIError) -> bool:
    """True when an insert met the end or the insert of another job with its digest.

    The insert has the tenant's row and waits for the other job; one that ends has its own row and
    waits for the tenant's. The server undoes one of them. Insert again, after `rejoin`.
    """
    diagnostics = getattr(error.orig, "diag", None)
    is_repeated = getattr(diagnostics, "constraint_name", None) == _INDEX
    return is_repeated or getattr(error.orig, "sqlstate", None) == _DEADLOCK


def rejoin(session: Session, *, tenant_id: str, origin: Origin) -> Job | None:
    """The unfinished job that a request has made before; None when it is over, or there is none.

    None, too, for a request that is no retry, by its origin: insert it without its digest if that
    is taken, see `is_taken`. It must come before any lock of the tenant's row: the end of a job
    takes the job's lock first.
    """
    if origin.digest is None or not origin.rejoins:
        return None
    statement = (
        update(Job)
        .where(*_unfinished(tenant_id, origin), *_made_before(origin))
        .values(sync_clients=_clients_with(origin))
        .returning(Job)
    )
    return session.scalars(statement, execution_options={"populate_existing": True}).first()


def is_taken(session: Session, *, tenant_id: str, origin: Origin) -> bool:
    """True when an unfinished job has the digest of a request that is not a retry of its own."""
    if not origin.rejoins:
        return True
    made_since = [~each for each in _made_before(origin)]
    taken = select(Job.id).where(*_unfinished(tenant_id, origin), *made_since)
    return bool(made_since) and session.scalar(taken) is not None


def _unfinished(tenant_id: str, origin: Origin) -> list[ColumnElement[bool]]:
    own = [Job.tenant_id == tenant_id, Job.deduplication_digest == origin.digest]
    return [*own, state_is(*sorted(ACTIVE))]


def _made_before(origin: Origin) -> list[ColumnElement[bool]]:
    """The condition that a job was made before a request arrived, or long enough before it."""
    if origin.arrived_at is None:
        return []
    arrived = time.monotonic() - origin.arrived_at
    together = TOGETHER_SECONDS if origin.is_synchronous else 0.0
    return [Job.created_at < func.clock_timestamp() - timedelta(seconds=arrived + together)]


def join(session: Session, job: Job, origin: Origin) -> None:
    """Count a request that found an unfinished job by its idempotency key, as `rejoin` does."""
    if not job.sync_clients:
        return
    session.execute(
        update(Job)
        .where(Job.id == job.id, Job.sync_clients > 0, state_is(*sorted(ACTIVE)))
        .values(sync_clients=_clients_with(origin))
        .execution_options(synchronize_session=False)
    )
    # Also when it ended in between.
    session.refresh(job)


def _clients_with(origin: Origin) -> object:
    """The count with one request more: none that is not synchronous may be left without its job."""
    if not origin.is_synchronous:
        return 0
    return case((Job.sync_clients > 0, Job.sync_clients + 1), else_=0)


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
