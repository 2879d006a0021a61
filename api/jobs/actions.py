"""What is done to one job, by whichever door: the change, and telling whoever waits for it."""

from api.core.errors import not_found
from api.core.metrics import submitted
from api.services import Services
from db.billing.holds import InsufficientCreditError
from db.jobs.finish import cancel_job
from db.jobs.queries import find_job
from db.jobs.types import PriorityNotAllowedError, TooManyInFlightError
from db.operators import jobs as operator_jobs
from db.operators.audit import Actor
from db.tables import Job
from db.tenants.tenants import TenantSuspendedError
from db.values.job_state import JobState
from workers.messaging.queue import Ticket
from workers.telemetry.metrics import job_finished

REFUSALS = (
    InsufficientCreditError,
    PriorityNotAllowedError,
    TenantSuspendedError,
    TooManyInFlightError,
)
"""Why a tenant may not have a job done again."""


def cancel_one(services: Services, actor: Actor, job_id: str) -> bool:
    """Cancel a job and tell whoever follows it; False when it was over."""
    with services.database.transaction() as session:
        canceled = operator_jobs.cancel(session, actor, job_id)
    return _told(services, canceled)


def cancel_own(services: Services, tenant_id: str, job_id: str) -> bool:
    """Cancel a job of the tenant's own, and tell whoever follows it; False when it was over.

    Raises:
        api.core.errors.ProblemError: it is not theirs.
    """
    with services.database.transaction() as session:
        if find_job(session, tenant_id=tenant_id, job_id=job_id) is None:
            raise not_found("job")
        canceled = cancel_job(session, tenant_id=tenant_id, job_id=job_id)
    return _told(services, canceled)


def _told(services: Services, canceled: Job | None) -> bool:
    if canceled is not None:
        services.publisher.done(canceled.id, JobState.CANCELED)
        job_finished(canceled.variant, JobState.CANCELED)
    return canceled is not None


def retry_one(services: Services, actor: Actor, job_id: str) -> str | None:
    """The id of the job that does a failed one again; None when that cannot be."""
    try:
        return retry_or_refuse(services, actor, job_id)
    except REFUSALS:
        return None


def retry_or_refuse(services: Services, actor: Actor, job_id: str) -> str | None:
    """The id of the job that does a failed one again; None when it did not fail, or was before.

    Raises:
        Exception: one of `REFUSALS`: its tenant may not have it.
    """
    with services.database.transaction() as session:
        accepted = operator_jobs.retry(session, actor, job_id)
    if accepted is None:
        return None
    job = accepted.job
    submitted(job.variant)
    services.publisher.state(job.id, JobState.QUEUED, attempt=0)
    services.notifier.notify(
        Ticket(job_id=job.id, variant=job.variant, tier=accepted.tier, tenant=job.tenant_id)
    )
    return job.id
