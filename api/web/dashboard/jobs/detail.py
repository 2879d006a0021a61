"""The screen of one job: whole, and live as a stream of its changing part."""

from collections.abc import AsyncIterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.core.errors import not_found
from api.resources.event_hub import Waiter
from api.schemas.jobs import ShortText
from api.services import Services, ServicesDep
from api.web.dashboard.flash_messages import SaidDep
from api.web.dashboard.jobs.detail_values import job_values
from api.web.dashboard.pages import page, render
from api.web.dashboard.session import CurrentOperatorDep
from api.web.shared.job_pictures import without_removed

router = APIRouter()


def _values(services: Services, job_id: str) -> dict[str, Any]:
    with services.database.transaction(durable=False) as session:
        values = job_values(session, job_id)
    if values is None:
        raise not_found("job")
    if values["over"]:  # until then retention leaves them
        values["inputs"] = without_removed(services, values["job"], values["inputs"])
    return values


@router.get("/jobs/{job_id}")
def show_job(
    request: Request,
    job_id: ShortText,
    services: ServicesDep,
    current: CurrentOperatorDep,
    said: SaidDep,
) -> HTMLResponse:
    """One job: how it stands, what it was given, what came of it and what it cost."""
    return page(request, "job.html", current, said=said, **_values(services, job_id))


async def _job_first(job_id: ShortText, services: ServicesDep) -> dict[str, Any]:
    """The job, before the stream begins: a 404 must come as one."""
    return await run_in_threadpool(_values, services, job_id)


@router.get("/jobs/{job_id}/events", response_class=EventSourceResponse)
async def stream_job(
    job_id: ShortText,
    services: ServicesDep,
    current: CurrentOperatorDep,
    first: Annotated[dict[str, Any], Depends(_job_first)],
) -> AsyncIterable[ServerSentEvent]:
    """The screen's changing part whenever something happens to the job; then `done`."""
    values, step = first, 0
    with services.hub.watch(job_id) as waiter:
        while True:
            # Read after watching began, or after an event: nothing is missed in between.
            values = await run_in_threadpool(_values, services, job_id)
            if values["over"]:
                break
            job = values["job"]
            # The worker tells of a step at once, and writes it with its next heartbeat.
            job.progress_step = max(job.progress_step, min(step, job.progress_steps))
            yield ServerSentEvent(raw_data=render("job_live.html", current=current, **values))
            step = await _next_step(waiter)
    yield ServerSentEvent(event="done", raw_data=str(values["job"].state))


async def _next_step(waiter: Waiter) -> int:
    """Wait for something to happen; the last step that was told of, 0 if none was."""
    event, step = await waiter.get(), 0
    while event is not None:
        step = event.data["step"] if event.type == "progress" else 0
        if waiter.empty():
            break
        event = waiter.get_nowait()  # what came meanwhile is shown at once
    return step
