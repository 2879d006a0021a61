"""A job's events in real time: Server-Sent Events with resumable ids."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response

from api.auth.tenant import IdentifiedCallerDep
from api.core.errors import document_of, problem_of
from api.core.event_stream import EventStream, frame
from api.core.urls import base_url
from api.jobs.event_frames import FollowedJob
from api.jobs.rendered_job import load_job
from api.jobs.views import JobViews
from api.resources.waiter import CloseReason
from api.schemas.jobs import ShortText
from api.services import ServicesDep
from db.tenants.api_keys import InvalidKeyError
from db.tenants.tenants import TenantSuspendedError

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_EXAMPLE = (
    'event: state\nid: 1764000000000-0\ndata: {"state": "running", "attempt": 1}\n\n'
    'event: progress\nid: 1764000000400-0\ndata: {"step": 2, "steps": 4, "fraction": 0.5}\n\n'
    "event: preview\nid: 1764000000401-0\n"
    'data: {"step": 2, "steps": 4, "image": "data:image/jpeg;base64,…"}\n\n'
    'event: done\nid: 1764000000900-0\ndata: {"id": "job_…", "state": "succeeded", …}\n\n'
)


async def _followed_job(
    job_id: ShortText, request: Request, services: ServicesDep, caller: IdentifiedCallerDep
) -> AsyncIterator[FollowedJob]:
    """The job, loaded before the stream starts: a 404 is not possible within the stream."""
    views = JobViews(services, base_url(request, services.settings))
    with (
        services.waiter_limits.stream(caller.key_id),
        services.hub.watch(job_id, caller.credential) as waiter,
    ):
        job = await load_job(services, views, tenant_id=caller.tenant_id, job_id=job_id)
        yield FollowedJob(services, views, caller, waiter, job.view)


@router.get(
    "/{job_id}/events",
    status_code=200,
    response_class=EventStream,
    response_model=None,
    responses={
        200: {
            "description": "`state`, `progress`, `preview` when requested, and, last, "
            "`done` with the job; `error` with a problem when the key is revoked meanwhile",
            "content": {"text/event-stream": {"example": _EXAMPLE}},
        },
        204: {"description": "`Last-Event-ID` is that of `done`: nothing will follow"},
    },
)
async def stream_events(
    services: ServicesDep,
    followed: Annotated[FollowedJob, Depends(_followed_job)],
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Follow a job: past events are replayed, then new ones follow in real time.

    `Last-Event-ID` resumes after the last received event. New progress and previews come a few
    times a second, the newest only. The stream ends after `done`; a client that then comes back
    with the id of `done` gets 204, at which an `EventSource` comes no more.
    """
    if await followed.is_told(last_event_id):
        return Response(status_code=204)
    return EventStream(
        _until_refused(followed.frames(last_event_id)),
        on_disconnect=lambda: followed.waiter.close(CloseReason.DISCONNECTED),
        slow_reader_seconds=services.settings.slow_reader_seconds,
    )


async def _until_refused(frames: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The frames; `error` as the last one when the key is no longer valid."""
    async with aclosing(frames):
        try:
            async for each in frames:
                yield each
        except (InvalidKeyError, TenantSuspendedError) as error:
            yield frame("error", json.dumps(document_of(problem_of(error))))
