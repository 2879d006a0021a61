"""Jobs of all tenants: found, told of, canceled, done again."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.auth.operator import PREFIX, OperatorDep, WriterDep
from api.core.errors import ProblemError, not_found
from api.core.paging import decode_cursor, lead_on
from api.jobs.actions import cancel_one, retry_or_refuse
from api.routes.admin.filters import JobPageQuery
from api.routes.admin.job_views import job_detail, job_view
from api.schemas.admin_jobs import AdminJobList, Canceled, JobDetail, Retried
from api.schemas.jobs import ShortText
from api.services import Services, ServicesDep
from db.jobs import search as job_search
from db.jobs.queries import find_job

router = APIRouter(prefix=f"{PREFIX}/jobs", tags=["admin"])


@router.get("")
def list_all_jobs(
    query: Annotated[JobPageQuery, Query()],
    request: Request,
    response: Response,
    services: ServicesDep,
    _operator: OperatorDep,
) -> AdminJobList:
    """Jobs of every tenant, newest first; `Link: rel="next"` leads to the next page."""
    before_id = decode_cursor(query.cursor, "job")
    with services.database.transaction(durable=False) as session:
        found = job_search.search(
            session, query.search(), before_id=before_id, limit=query.limit + 1
        )
        shown = [job_view(each) for each in found[: query.limit]]
    if len(found) <= query.limit:
        return AdminJobList(jobs=shown, next_cursor=None)
    following = lead_on(request, response, services, shown[-1].id)
    return AdminJobList(jobs=shown, next_cursor=following)


@router.get("/{job_id}")
def get_any_job(job_id: ShortText, services: ServicesDep, _operator: OperatorDep) -> JobDetail:
    """A job with its timeline, attempts, results, bill and webhooks."""
    with services.database.transaction(durable=False) as session:
        found = job_detail(session, job_id)
    if found is None:
        raise not_found("job")
    return found


@router.post("/{job_id}/cancel")
def cancel_any_job(job_id: ShortText, services: ServicesDep, actor: WriterDep) -> Canceled:
    """Cancel a job, queued or running: its hold is given back. One that is over stays as it is."""
    _require_job(services, job_id)
    return Canceled(job=job_id, canceled=cancel_one(services, actor, job_id))


@router.post("/{job_id}/retry", status_code=202)
def retry_any_job(job_id: ShortText, services: ServicesDep, actor: WriterDep) -> Retried:
    """Have a failed job done again, once, as a new job at the same price and with a new hold.

    The failed one stays as it is. 402, 403 or 429 when its tenant could not submit it either.
    """
    _require_job(services, job_id)
    new_id = retry_or_refuse(services, actor, job_id)
    if new_id is None:
        raise ProblemError(409, "not_retryable", "it has not failed, or was done again before")
    return Retried(job=job_id, retried_as=new_id)


def _require_job(services: Services, job_id: str) -> None:
    with services.database.single_statements() as session:
        if find_job(session, tenant_id=None, job_id=job_id) is None:
            raise not_found("job")
