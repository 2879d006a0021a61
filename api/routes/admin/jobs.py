"""Calls for the jobs of all tenants: search, detail, cancel and retry."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.auth.operator import PREFIX, OperatorDep, ReaderDep, WriterDep
from api.core.documented_responses import documented_headers
from api.core.domain_errors import JobNotFoundError
from api.core.paging import decode_cursor, link_next_page
from api.jobs import actions
from api.operators.job_reads import record_job_read
from api.routes.admin.filters import JobPageQuery
from api.routes.admin.job_views import job_detail, job_view
from api.schemas.admin_jobs import AdminJobList, Canceled, JobDetail, Retried
from api.schemas.jobs import ShortText
from api.services import ServicesDep
from db.jobs import search as job_search

router = APIRouter(prefix=f"{PREFIX}/jobs", tags=["admin"])


@router.get("", responses={200: {"headers": documented_headers("Link")}})
def list_all_jobs(
    query: Annotated[JobPageQuery, Query()],
    request: Request,
    response: Response,
    services: ServicesDep,
    _operator: OperatorDep,
) -> AdminJobList:
    """Jobs of every tenant, newest first; `Link: rel="next"` is the next page."""
    before_id = decode_cursor(query.cursor, "job")
    with services.database.transaction(durable=False) as session:
        matches = job_search.search(
            session, query.search(), before_id=before_id, limit=query.limit + 1
        )
        page = [job_view(each) for each in matches[: query.limit]]
    if len(matches) <= query.limit:
        return AdminJobList(jobs=page, next_cursor=None)
    next_cursor = link_next_page(request, response, services.settings, page[-1].id)
    return AdminJobList(jobs=page, next_cursor=next_cursor)


@router.get("/{job_id}")
def get_any_job(job_id: ShortText, services: ServicesDep, actor: ReaderDep) -> JobDetail:
    """A job with its timeline, attempts, results, bill and webhooks; the audit log notes it."""
    with services.database.transaction(durable=False) as session:
        detail = job_detail(session, job_id)
    if detail is None:
        raise JobNotFoundError
    record_job_read(services, actor, job_id)
    return detail


@router.post("/{job_id}/cancel")
def cancel_any_job(job_id: ShortText, services: ServicesDep, actor: WriterDep) -> Canceled:
    """Cancel a job, queued or running: its hold is released. A job that is over does not change."""
    canceled = actions.cancel_job(services, tenant_id=None, actor=actor, job_id=job_id)
    return Canceled(job=job_id, canceled=canceled)


@router.post(
    "/{job_id}/retry",
    status_code=202,
    responses={
        402: {"description": "Neither allowance nor balance of its tenant covers the price"},
        409: {"description": "`not_retryable`: it has not failed, or was retried before"},
    },
)
def retry_any_job(job_id: ShortText, services: ServicesDep, actor: WriterDep) -> Retried:
    """Retry a failed job, once, as a new job at the same price and with a new hold.

    The failed job does not change. 402, 403 or 429 when its tenant may not submit it.
    """
    new_id = actions.retry_job(services, actor=actor, job_id=job_id)
    return Retried(job=job_id, retried_as=new_id)
