"""A job's events in real time: Server-Sent Events with resumable ids."""

from collections.abc import AsyncIterable
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.auth.tenant import TenantId
from api.core.urls import base_url
from api.jobs.long_poll import load_view
from api.jobs.views import JobViews, is_over
from api.schemas.jobs import JobView, ShortText
from api.services import ServicesDep
from workers.messaging.events import Event, parse_id

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_EXAMPLE = (
    'event: state\nid: 1764000000000-0\ndata: {"state": "running", "attempt": 1}\n\n'
    'event: progress\nid: 1764000000400-0\ndata: {"step": 2, "steps": 4, "fraction": 0.5}\n\n'
    "event: preview\nid: 1764000000401-0\n"
    'data: {"step": 2, "steps": 4, "image": "data:image/jpeg;base64,…"}\n\n'
    'event: done\nid: 1764000000900-0\ndata: {"id": "job_…", "state": "succeeded", …}\n\n'
)


async def _load_job(
    job_id: ShortText, request: Request, services: ServicesDep, tenant_id: TenantId
) -> JobView:
    """The job, loaded before the stream starts: a 404 is not possible within the stream."""
    views = JobViews(services, base_url(request, services.settings))
    return await load_view(services, views, tenant_id=tenant_id, job_id=job_id)


@router.get(
    "/{job_id}/events",
    response_class=EventSourceResponse,
    responses={
        200: {
            "description": "`state`, `progress`, `preview` when requested, and, last, "
            "`done` with the job",
            "content": {"text/event-stream": {"example": _EXAMPLE}},
        },
    },
)
async def stream_events(
    job_id: ShortText,
    request: Request,
    services: ServicesDep,
    tenant_id: TenantId,
    first: Annotated[JobView, Depends(_load_job)],
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterable[ServerSentEvent]:
    """Follow a job: past events are replayed, then new ones follow in real time.

    `Last-Event-ID` resumes after the last received event. The stream ends after `done`.
    """
    views = JobViews(services, base_url(request, services.settings))

    async def done(event_id: str | None) -> ServerSentEvent:
        view = await load_view(services, views, tenant_id=tenant_id, job_id=job_id)
        return ServerSentEvent(event="done", id=event_id, data=view.model_dump(mode="json"))

    with services.hub.watch(job_id) as waiter:
        last_order = _order(last_event_id)
        replay = await services.hub.replay(job_id, after=_valid(last_event_id))
        if not replay and not is_over(first):
            data = {"state": first.state, "attempt": first.attempt}
            yield ServerSentEvent(event="state", data=data)
        for event in replay:
            last_order = event.order
            yield await done(event.id) if event.type == "done" else _sse(event)
            if event.type == "done":
                return
        if is_over(await _load_job(job_id, request, services, tenant_id)):
            yield await done(None)
            return
        while (following := await waiter.get()) is not None and following.type != "done":
            if following.order > last_order:
                yield _sse(following)
        yield await done(None if following is None else following.id)


def _sse(event: Event) -> ServerSentEvent:
    return ServerSentEvent(event=event.type, id=event.id, data=dict(event.data))


def _valid(event_id: str | None) -> str | None:
    return event_id if _order(event_id) > (0, 0) else None


def _order(event_id: str | None) -> tuple[int, int]:
    """An event id as numbers; zeros for an id that is not ours."""
    try:
        return parse_id(event_id or "")
    except ValueError:
        return (0, 0)
