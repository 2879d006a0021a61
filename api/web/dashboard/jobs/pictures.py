"""A job's input and result pictures, served to signed-in operators."""

from fastapi import APIRouter
from fastapi.responses import Response

from api.core.errors import not_found
from api.operators.job_reads import record_job_read
from api.schemas.jobs import ShortText
from api.services import ServicesDep
from api.web.dashboard.session import CurrentOperatorDep
from api.web.shared.job_pictures import PictureNumber, input_keys, picture_response
from db.jobs.queries import find_artifact, find_job

router = APIRouter()


@router.get("/jobs/{job_id}/results/{n}")
def get_result(
    job_id: ShortText, n: PictureNumber, services: ServicesDep, operator: CurrentOperatorDep
) -> Response:
    """One stored result."""
    with services.database.transaction(durable=False) as session:
        row = find_artifact(session, job_id, n)
    if row is None:
        raise not_found("result")
    record_job_read(services, operator.actor, job_id)
    return picture_response(services, row.key)


@router.get("/jobs/{job_id}/inputs/{n}")
def get_input(
    job_id: ShortText, n: PictureNumber, services: ServicesDep, operator: CurrentOperatorDep
) -> Response:
    """One input picture."""
    with services.database.transaction(durable=False) as session:
        job = find_job(session, tenant_id=None, job_id=job_id)
    keys = input_keys(job) if job is not None else []
    if n >= len(keys):
        raise not_found("picture")
    record_job_read(services, operator.actor, job_id)
    return picture_response(services, keys[n])
