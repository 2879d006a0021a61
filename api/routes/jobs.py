"""Calls for jobs: submit, get, list and cancel."""

from contextlib import suppress
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from api.auth.tenant import CallerDep, IdentifiedCallerDep, TenantId
from api.core.documented_responses import documented_headers
from api.core.domain_errors import TooManyStreamsError
from api.core.event_stream import disconnection
from api.core.json_body import JsonRoute
from api.core.paging import decode_cursor, link_next_page
from api.core.protocol.methods import is_head
from api.core.protocol.preferences import preferences, preferred_wait
from api.core.query_names import is_sent_blank
from api.core.urls import base_url
from api.jobs import actions, removal
from api.jobs.long_poll import wait_until_over
from api.jobs.quote import quote_submission
from api.jobs.rendered_job import RenderedJob, load_job
from api.jobs.submit import submit
from api.jobs.views import JobViews, is_over
from api.middleware.body_limit import release_body
from api.routes.idempotency_header import REPLAYED, REPLAYED_HEADER, IdempotencyKey
from api.schemas.jobs import JobList, JobView, Quote, ShortText, Submission
from api.schemas.metadata_filter import MetadataPairs, metadata_of
from api.schemas.removal import JobRemovalView
from api.schemas.timestamps import Timestamp
from api.services import ServicesDep
from db.jobs import queries
from db.jobs.queries import JobFilter
from db.values.job_state import JobState

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=JsonRoute)

_RETRY_AFTER_SECONDS = "1"

_JOB_HEADERS = documented_headers("ETag", "Retry-After")
_ACCEPTED_HEADERS = (
    documented_headers("Location", "Preference-Applied") | _JOB_HEADERS | REPLAYED_HEADER
)

_LONGEST = "60 at most, and more means 60"
Wait = Annotated[
    float,
    Query(
        ge=0,
        allow_inf_nan=False,
        description=f"Seconds to wait for the job to be over: {_LONGEST}; so does `wait` alone",
    ),
]


@router.post(
    "",
    status_code=202,
    response_model=JobView,
    responses={
        200: {"model": Quote, "description": "The quote alone, with `dry_run=true`"},
        202: {"headers": _ACCEPTED_HEADERS},
        402: {"description": "Neither allowance nor balance covers the price"},
    },
)
async def submit_job(
    submission: Submission,
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    dry_run: Annotated[bool, Query(description="Return the quote and submit nothing")] = False,  # noqa: FBT002
    _prefer: Annotated[
        str | None,
        Header(alias="prefer", description=f"`wait=n` (RFC 7240): n seconds, {_LONGEST}"),
    ] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Submit a job: returns once it is durably queued, or over with `Prefer: wait=n`.

    The same submission under the same `Idempotency-Key` returns the first job.
    """
    if dry_run:
        quote = await run_in_threadpool(quote_submission, services, caller, submission)
        return JSONResponse(quote.model_dump(mode="json"))
    views = JobViews(services, base_url(request, services.settings))
    result = await run_in_threadpool(
        submit,
        services,
        caller,
        submission,
        views.render,
        idempotency_key=idempotency_key,
        base_url=views.base,
    )
    job = RenderedJob(result.view)
    headers = {"Location": job.view.urls.self} | ({REPLAYED: "true"} if result.replayed else {})
    prefer = request.headers.getlist("prefer")
    wait = preferred_wait(prefer, longest=services.settings.max_wait_seconds)
    # A preference, not a demand: the job is submitted, and a key with too many waits may poll.
    with suppress(TooManyStreamsError):
        if wait:
            submission.input.clear()
            release_body(request.scope)
            job = await wait_until_over(
                services,
                views,
                caller,
                job_id=job.view.id,
                seconds=wait,
                disconnection=disconnection(request),
            )
            headers["Preference-Applied"] = f"wait={wait:g}"
    if not wait and "respond-async" in preferences(prefer):
        headers["Preference-Applied"] = "respond-async"
    return _job_response(job, 202, headers)


@router.get(
    "/{job_id}",
    response_model=JobView,
    responses={
        200: {"headers": _JOB_HEADERS},
        304: {"description": "Not changed", "headers": documented_headers("ETag")},
    },
)
async def get_job(
    job_id: ShortText,
    request: Request,
    services: ServicesDep,
    caller: IdentifiedCallerDep,
    wait: Wait = 0,
    _if_none_match: Annotated[str | None, Header(alias="if-none-match")] = None,
) -> Response:
    """The job's current state; `?wait=n` returns when it is over, after n seconds at the latest.

    The response has an `ETag`, and `Retry-After` while the job is not over.
    """
    views = JobViews(services, base_url(request, services.settings))
    longest = services.settings.max_wait_seconds
    seconds = longest if is_sent_blank(request, "wait") else min(wait, longest)
    job = await wait_until_over(
        services,
        views,
        caller,
        job_id=job_id,
        seconds=0.0 if is_head(request.scope) else seconds,
        disconnection=disconnection(request),
    )
    return _job_response(job, 200, {})


class JobQuery(BaseModel):
    """Filters and page of the list."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    state: list[JobState] = Field(
        default_factory=list, max_length=len(JobState), description="Repeatable: any of them"
    )
    model: ShortText | None = None
    created_after: Timestamp | None = None
    created_before: Timestamp | None = None
    metadata: MetadataPairs = Field(default_factory=list)
    limit: int = Field(20, ge=1, le=100)
    cursor: str | None = Field(None, max_length=100, description="`next_cursor` of the last page")


@router.get("", responses={200: {"headers": documented_headers("Link")}})
def list_jobs(
    query: Annotated[JobQuery, Query()],
    request: Request,
    response: Response,
    services: ServicesDep,
    tenant_id: TenantId,
) -> JobList:
    """Your jobs, newest first; `Link: rel="next"` is the next page.

    `?metadata=order=17` finds jobs by an entry of their metadata; several must all match.
    """
    before_id = decode_cursor(query.cursor, "job")
    model = services.catalogue.id_of(query.model) if query.model else None
    job_filter = JobFilter(
        states=query.state,
        variant=model,
        created_after=query.created_after,
        created_before=query.created_before,
        metadata=metadata_of(query.metadata),
        before_id=before_id,
    )
    views = JobViews(services, base_url(request, services.settings))
    with services.database.transaction(durable=False) as session:
        rows = queries.list_jobs(session, tenant_id, job_filter, limit=query.limit + 1)
        page = views.render(session, rows[: query.limit])
    if len(rows) <= query.limit:
        return JobList(jobs=page, next_cursor=None)
    next_cursor = link_next_page(request, response, services.settings, page[-1].id)
    return JobList(jobs=page, next_cursor=next_cursor)


@router.post("/{job_id}/cancel", response_model=JobView, responses={200: {"headers": _JOB_HEADERS}})
async def cancel_job(
    job_id: ShortText, request: Request, services: ServicesDep, tenant_id: TenantId
) -> Response:
    """Cancel a job, queued or running: its hold is released. A job that is over does not change."""
    await run_in_threadpool(
        actions.cancel_job, services, tenant_id=tenant_id, actor=None, job_id=job_id
    )
    views = JobViews(services, base_url(request, services.settings))
    job = await load_job(services, views, tenant_id=tenant_id, job_id=job_id)
    return _job_response(job, 200, {})


@router.delete("/{job_id}")
def delete_job_contents(
    job_id: ShortText, services: ServicesDep, tenant_id: TenantId
) -> JobRemovalView:
    """Delete a job's input, metadata and output, which frees its bytes; 409 while it is not over.

    The job stays in the list, and its charge in the usage. Pictures that were sent with it or
    fetched for it are deleted; uploads are not: `DELETE /v1/files/{file_id}`. The response says
    what went and what stays. The idempotency key is forgotten, too: the same submission would make
    a new job.
    """
    report = removal.remove_job_contents(services, tenant_id=tenant_id, job_id=job_id)
    return JobRemovalView(id=job_id, **asdict(report))


def _job_response(job: RenderedJob, status: int, headers: dict[str, str]) -> Response:
    headers["ETag"] = job.etag
    if not is_over(job.view):
        headers["Retry-After"] = _RETRY_AFTER_SECONDS
    return Response(job.json, status, headers, "application/json")
