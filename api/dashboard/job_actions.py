"""What operators do to one job: cancel it, have it done again, send its webhooks again."""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from api.dashboard.jobs import HOME
from api.dashboard.visitor import Visitor, WriterDep
from api.errors import not_found
from api.schemas import ShortText
from api.services import Services, ServicesDep
from db import job_queries, operator_actions, operator_jobs
from db.audit import Actor
from db.job_state import JobState
from db.job_values import PriorityNotAllowedError, TenantSuspendedError, TooManyInFlightError
from db.quota import InsufficientCreditError
from workers.queue import Ticket

router = APIRouter()

REFUSALS = (
    InsufficientCreditError,
    PriorityNotAllowedError,
    TenantSuspendedError,
    TooManyInFlightError,
)
"""Why a tenant may not have a job done again."""


@router.post("/jobs/{job_id}/cancel")
def cancel_job(job_id: ShortText, services: ServicesDep, visitor: WriterDep) -> Response:
    """Cancel a job, queued or running."""
    said = "canceled" if cancel_one(services, visitor.actor, job_id) else "too_late"
    return _back(job_id, said)


def cancel_one(services: Services, actor: Actor, job_id: str) -> bool:
    """Cancel a job and tell whoever follows it; False when it was over."""
    with services.database.transaction() as session:
        canceled = operator_jobs.cancel(session, actor, job_id)
    if canceled is not None:
        services.publisher.done(job_id, JobState.CANCELED)
    return canceled is not None


@router.post("/jobs/{job_id}/retry")
def retry_job(job_id: ShortText, services: ServicesDep, visitor: WriterDep) -> Response:
    """Have a failed job done again, as a new one, and lead there."""
    new_id = retry_one(services, visitor.actor, job_id)
    return _back(new_id or job_id, "retried" if new_id else "not_retried")


def retry_one(services: Services, actor: Actor, job_id: str) -> str | None:
    """The id of the job that does a failed one again; None when that cannot be."""
    try:
        with services.database.transaction() as session:
            accepted = operator_jobs.retry(session, actor, job_id)
    except REFUSALS:
        return None
    if accepted is None:
        return None
    job = accepted.job
    services.publisher.state(job.id, JobState.QUEUED, attempt=0)
    services.rings.ring(
        Ticket(job_id=job.id, variant=job.variant, tier=accepted.tier, tenant=job.tenant_id)
    )
    return job.id


@router.post("/jobs/{job_id}/deliveries/{delivery_id}/resend")
def resend_delivery(
    job_id: ShortText, delivery_id: ShortText, services: ServicesDep, visitor: WriterDep
) -> Response:
    """Send a webhook again, at once and then by the whole schedule."""
    if not _resend(services, visitor, job_id, delivery_id):
        raise not_found("delivery")
    return _back(job_id, "resent")


def _resend(services: Services, visitor: Visitor, job_id: str, delivery_id: str) -> bool:
    with services.database.transaction() as session:
        job = job_queries.find(session, tenant_id=None, job_id=job_id)
        return job is not None and operator_actions.resend(
            session, visitor.actor, tenant_id=job.tenant_id, delivery_id=delivery_id
        )


def _back(job_id: str, said: str) -> Response:
    return RedirectResponse(f"{HOME}/{job_id}?said={said}", 303)
