"""Cancel or retry one job: the use cases of the API, the pages and the command line.

Each changes the row, publishes the event to clients that follow the job, and counts it.
"""

from typing import Protocol

from api.core.domain_errors import JobNotFoundError, NotRetryableError
from api.core.metrics import count_submitted_job
from db.artifacts.storage_limit import StorageFullError
from db.billing.holds import InsufficientCreditError
from db.core.session import Database
from db.jobs import deduplication, finish
from db.jobs.queries import find_job
from db.jobs.types import ModelNotInTierError, PriorityNotAllowedError, TooManyInFlightError
from db.operators import jobs as operator_jobs
from db.operators.audit import Actor
from db.tenants.tenants import TenantSuspendedError
from db.values.job_state import JobState
from workers.messaging.events import Publisher
from workers.messaging.queue import Ticket
from workers.telemetry.metrics import count_finished_job

RETRY_REFUSALS: tuple[type[Exception], ...] = (
    NotRetryableError,
    InsufficientCreditError,
    ModelNotInTierError,
    PriorityNotAllowedError,
    StorageFullError,
    TenantSuspendedError,
    TooManyInFlightError,
)
"""The errors of a retry that cannot be: of the job itself, or because its tenant may not submit."""


class Notifier(Protocol):
    """Notifies the workers of a queue."""

    def notify(self, ticket: Ticket) -> object:
        """Send a ticket; it may be lost without harm."""


class JobServices(Protocol):
    """The services that these use cases need; `api.services.Services` has them."""

    @property
    def database(self) -> Database:
        """The database."""

    @property
    def publisher(self) -> Publisher:
        """Publishes events to clients that follow a job."""

    @property
    def notifier(self) -> Notifier:
        """Notifies the workers."""


def cancel_job(
    services: JobServices, *, tenant_id: str | None, actor: Actor | None, job_id: str
) -> bool:
    """Cancel a job, queued or running; False when it was over.

    An owner's hosted job that a vendor may have goes on, and is canceled unless it is delivered
    (`db.jobs.finish.cancel_job`).

    Args:
        services: the connections.
        tenant_id: the tenant that the job must belong to; None for an operator.
        actor: the operator for the audit log; None for a tenant.
        job_id: the job to cancel.

    Raises:
        JobNotFoundError: there is no such job, or it belongs to another tenant.
    """
    with services.database.transaction() as session:
        if find_job(session, tenant_id=tenant_id, job_id=job_id) is None:
            raise JobNotFoundError
        if actor is None:
            canceled = finish.cancel_job(session, tenant_id=tenant_id, job_id=job_id)
        else:
            canceled = operator_jobs.cancel(session, actor, job_id)
    if canceled is None:
        return False
    if canceled.state == JobState.CANCELED:
        services.publisher.publish_done(canceled.id, JobState.CANCELED)
        count_finished_job(canceled.variant, JobState.CANCELED)
    return True


def leave_job(services: JobServices, *, tenant_id: str, job_id: str) -> bool:
    """Count one synchronous request for a job less; true when it was the last, and canceled it.

    A hosted job goes on, since its vendor may have been paid.
    """
    with services.database.transaction() as session:
        canceled = deduplication.leave(session, tenant_id=tenant_id, job_id=job_id)
    if canceled is None:
        return False
    services.publisher.publish_done(canceled.id, JobState.CANCELED)
    count_finished_job(canceled.variant, JobState.CANCELED)
    return True


def retry_job(services: JobServices, *, actor: Actor, job_id: str) -> str:
    """Retry a failed job as a new job, once; returns the new job's id.

    Raises:
        JobNotFoundError: there is no such job.
        Exception: one of `RETRY_REFUSALS`: it did not fail, was retried before, or its tenant may
            not submit it again.
    """
    with services.database.transaction() as session:
        if find_job(session, tenant_id=None, job_id=job_id) is None:
            raise JobNotFoundError
        accepted = operator_jobs.retry(session, actor, job_id)
    if accepted is None:
        raise NotRetryableError
    job = accepted.job
    count_submitted_job(job.variant, job.surface)
    services.publisher.publish_state(job.id, JobState.QUEUED, attempt=0)
    services.notifier.notify(
        Ticket(job_id=job.id, variant=job.variant, tier=accepted.tier, tenant=job.tenant_id)
    )
    return job.id
