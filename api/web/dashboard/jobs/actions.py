"""Operators' actions on one job: cancel it, retry it, resend its webhooks."""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from api.core.errors import not_found
from api.jobs import actions
from api.jobs.actions import RETRY_REFUSALS
from api.schemas.jobs import ShortText
from api.services import Services, ServicesDep
from api.web.dashboard.flash_messages import with_message
from api.web.dashboard.jobs.list import HOME
from api.web.dashboard.session import CurrentOperator, WriterDep
from db.jobs.queries import find_job
from db.operators import actions as operator_actions

router = APIRouter()


@router.post("/jobs/{job_id}/cancel")
def cancel_job(job_id: ShortText, services: ServicesDep, operator: WriterDep) -> Response:
    """Cancel a queued or running job."""
    is_canceled = actions.cancel_job(services, tenant_id=None, actor=operator.actor, job_id=job_id)
    return _redirect(job_id, "canceled" if is_canceled else "too_late")


@router.post("/jobs/{job_id}/retry")
def retry_job(job_id: ShortText, services: ServicesDep, operator: WriterDep) -> Response:
    """Retry a failed job as a new one, and redirect to that."""
    try:
        new_id = actions.retry_job(services, actor=operator.actor, job_id=job_id)
    except RETRY_REFUSALS:
        return _redirect(job_id, "not_retried")
    return _redirect(new_id, "retried")


@router.post("/jobs/{job_id}/deliveries/{delivery_id}/resend")
def resend_delivery(
    job_id: ShortText, delivery_id: ShortText, services: ServicesDep, operator: WriterDep
) -> Response:
    """Send a webhook again at once, with the whole schedule of retries."""
    if not _resend(services, operator, job_id, delivery_id):
        raise not_found("delivery")
    return _redirect(job_id, "resent")


def _resend(services: Services, operator: CurrentOperator, job_id: str, delivery_id: str) -> bool:
    with services.database.transaction() as session:
        job = find_job(session, tenant_id=None, job_id=job_id)
        return job is not None and operator_actions.resend(
            session, operator.actor, tenant_id=job.tenant_id, delivery_id=delivery_id
        )


def _redirect(job_id: str, message: str) -> Response:
    return RedirectResponse(with_message(f"{HOME}/{job_id}", message), 303)
