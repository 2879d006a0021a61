"""What operators do to one job: cancel it, have it done again, send its webhooks again."""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from api.core.errors import not_found
from api.jobs.actions import cancel_one, retry_one
from api.schemas.jobs import ShortText
from api.services import Services, ServicesDep
from api.web.dashboard.jobs.list import HOME
from api.web.dashboard.session import CurrentOperator, WriterDep
from db.jobs.queries import find_job
from db.operators import actions as operator_actions

router = APIRouter()


@router.post("/jobs/{job_id}/cancel")
def cancel_job(job_id: ShortText, services: ServicesDep, current: WriterDep) -> Response:
    """Cancel a job, queued or running."""
    said = "canceled" if cancel_one(services, current.actor, job_id) else "too_late"
    return _back(job_id, said)


@router.post("/jobs/{job_id}/retry")
def retry_job(job_id: ShortText, services: ServicesDep, current: WriterDep) -> Response:
    """Have a failed job done again, as a new one, and lead there."""
    new_id = retry_one(services, current.actor, job_id)
    return _back(new_id or job_id, "retried" if new_id else "not_retried")


@router.post("/jobs/{job_id}/deliveries/{delivery_id}/resend")
def resend_delivery(
    job_id: ShortText, delivery_id: ShortText, services: ServicesDep, current: WriterDep
) -> Response:
    """Send a webhook again, at once and then by the whole schedule."""
    if not _resend(services, current, job_id, delivery_id):
        raise not_found("delivery")
    return _back(job_id, "resent")


def _resend(services: Services, current: CurrentOperator, job_id: str, delivery_id: str) -> bool:
    with services.database.transaction() as session:
        job = find_job(session, tenant_id=None, job_id=job_id)
        return job is not None and operator_actions.resend(
            session, current.actor, tenant_id=job.tenant_id, delivery_id=delivery_id
        )


def _back(job_id: str, said: str) -> Response:
    return RedirectResponse(f"{HOME}/{job_id}?said={said}", 303)
