"""fal's queue: submit, status and its stream, result, cancel."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from api.auth.tenant import CallerDep, IdentifiedCallerDep, TenantId
from api.compat.fal.answers import answer, end_of
from api.compat.fal.documents import MADE, READS, RESULTS, UNFINISHED, of_events
from api.compat.fal.error_bodies import Json, error_body
from api.compat.fal.errors import REQUEST_ID, error_headers, name_request
from api.compat.fal.rendering import IN_PROGRESS, status_of, submitted_of, with_new_logs
from api.compat.fal.submission import FalHeadersDep, translate
from api.compat.shared.foreign_job import ForeignJob, ForeignJobs, as_foreign
from api.compat.shared.room import submit_when_room
from api.compat.shared.submission import ForeignResult, submit_foreign
from api.compat.shared.waiting import following
from api.core.domain_errors import JobNotFoundError
from api.core.event_stream import PING, EventStream, frame
from api.core.json_body import JsonRoute
from api.core.urls import base_url
from api.jobs.actions import cancel_job
from api.jobs.event_frames import FollowedJob, Moment
from api.resources.waiter import CloseReason
from api.schemas.jobs import ShortText
from api.services import ServicesDep
from db.tenants.api_keys import InvalidKeyError
from db.tenants.tenants import TenantSuspendedError

router = APIRouter(
    prefix="/queue", tags=["queue"], route_class=JsonRoute, default_response_class=JSONResponse
)

App = Annotated[str, Path(description="Owner and name, and a path below them", max_length=500)]
Fields = Annotated[dict[str, Any], Body(description="The fields of the application's input")]
WithLogs = Annotated[bool, Query(description="Whether the answer has log lines")]


async def _jobs(request: Request, services: ServicesDep) -> ForeignJobs:
    return ForeignJobs(services, base_url(request, services.settings))


JobsDep = Annotated[ForeignJobs, Depends(_jobs)]
"""Renders jobs with links of the request's own origin."""


async def _job(request_id: ShortText, jobs: JobsDep, tenant_id: TenantId) -> ForeignJob:
    return await jobs.load(tenant_id=tenant_id, job_id=request_id)


async def _followed(
    request_id: ShortText, services: ServicesDep, jobs: JobsDep, caller: IdentifiedCallerDep
) -> AsyncIterator[FollowedJob]:
    async with following(services, caller, jobs, request_id) as followed:
        yield followed


@router.get(
    "/{app:path}/requests/{request_id}/status/stream",
    status_code=200,
    response_class=EventStream,
    response_model=None,
    responses=of_events(READS),
)
async def stream_status(
    app: App,
    request: Request,
    services: ServicesDep,
    jobs: JobsDep,
    followed: Annotated[FollowedJob, Depends(_followed)],
    logs: WithLogs = False,  # noqa: FBT002 - a query parameter
) -> EventStream:
    """Follow the status of a request: an event at each change, the last when it is completed."""
    del app
    name_request(request.scope, followed.first.id)
    response = EventStream(
        _status_frames(jobs, followed, with_logs=logs),
        on_disconnect=lambda: followed.waiter.close(CloseReason.DISCONNECTED),
        slow_reader_seconds=services.settings.slow_reader_seconds,
    )
    response.headers[REQUEST_ID] = followed.first.id
    return response


async def _status_frames(
    jobs: ForeignJobs, followed: FollowedJob, *, with_logs: bool
) -> AsyncGenerator[bytes, None]:
    sent, known = None, 0
    async with aclosing(followed.moments()) as moments:
        try:
            async for moment in moments:
                job = await _job_at(moment, jobs, followed)
                status = status_of(job, jobs.base, with_logs=with_logs)
                if status == sent:
                    yield PING
                    continue
                yield frame(None, json.dumps(with_new_logs(status, known)))
                sent, known = status, _lines_that_stay(status)
                if moment.last is not None or job.is_over:
                    return
        except (InvalidKeyError, TenantSuspendedError, JobNotFoundError):
            return


async def _job_at(moment: Moment, jobs: ForeignJobs, followed: FollowedJob) -> ForeignJob:
    """The job as it is now, or the ended one that came with the moment."""
    if moment.last is not None:
        return as_foreign(moment.last)
    return await jobs.load(tenant_id=followed.caller.tenant_id, job_id=followed.first.id)


def _lines_that_stay(status: Json) -> int:
    """The log lines that a later status repeats: that of the steps changes."""
    return sum("|" not in line["message"] for line in status["logs"] or ())


@router.get("/{app:path}/requests/{request_id}/status", responses=READS | UNFINISHED)
async def get_status(
    app: App,
    request: Request,
    jobs: JobsDep,
    job: Annotated[ForeignJob, Depends(_job)],
    logs: WithLogs = False,  # noqa: FBT002 - a query parameter
) -> JSONResponse:
    """The status of a request: 202 until it is completed, then 200."""
    del app
    body = status_of(job, jobs.base, with_logs=logs)
    return answer(request, job, body, status=200 if job.is_over else 202)


@router.put("/{app:path}/requests/{request_id}/cancel", status_code=202, responses=READS)
async def cancel(
    app: App, request_id: ShortText, request: Request, services: ServicesDep, tenant_id: TenantId
) -> JSONResponse:
    """Cancel a request, queued or running."""
    del app
    try:
        is_canceled = await run_in_threadpool(
            cancel_job, services, tenant_id=tenant_id, actor=None, job_id=request_id
        )
    except JobNotFoundError as error:
        return _not_canceled(request, 404, "NOT_FOUND", str(error))
    if not is_canceled:
        return _not_canceled(request, 400, "ALREADY_COMPLETED", "the request is completed")
    headers = {REQUEST_ID: request_id}
    return JSONResponse({"status": "CANCELLATION_REQUESTED"}, 202, headers)


def _not_canceled(request: Request, status: int, state: str, message: str) -> JSONResponse:
    kind = state.lower()
    body = {"status": state, **error_body(message, message, kind)}
    return JSONResponse(body, status, error_headers(request.scope, kind, status))


@router.get("/{app:path}/requests/{request_id}", responses=RESULTS)
async def get_result(
    app: App,
    request: Request,
    services: ServicesDep,
    job: Annotated[ForeignJob, Depends(_job)],
) -> JSONResponse:
    """The output of a completed request, or its failure; 400 while it is in progress."""
    del app
    if not job.is_over:
        name_request(request.scope, job.view.id)
        body = error_body(IN_PROGRESS, IN_PROGRESS, "request_in_progress")
        headers = error_headers(request.scope, "request_in_progress", 400)
        return JSONResponse(body, 400, headers)
    return await run_in_threadpool(end_of, services, request, job)


@router.post("/{app:path}", responses=MADE)
async def submit(
    app: App,
    body: Fields,
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    jobs: JobsDep,
    headers: FalHeadersDep,
) -> JSONResponse:
    """Submit a request; the same one again, while it is unfinished, is answered with the first."""

    def submit() -> ForeignResult:
        foreign = translate(services, caller, app, body, headers)
        return submit_foreign(
            services, caller, jobs, foreign, idempotency_key=headers.idempotency_key
        )

    result = await submit_when_room(request, services, caller, submit)
    submitted = submitted_of(result.job, jobs.base)
    return answer(request, result.job, submitted, headers=result.headers)
