"""Jobs from the form: submitted, watched as a stream of the panel, canceled."""

import asyncio
from collections.abc import AsyncIterable
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.orm import Session

from api.core.errors import not_found
from api.jobs import submit as submissions
from api.jobs.actions import cancel_own
from api.resources.event_hub import Waiter
from api.schemas.jobs import ShortText
from api.services import Services, ServicesDep
from api.web.playground.form.page import form_view
from api.web.playground.pages import page, render
from api.web.playground.panel import as_kept, panel_values
from api.web.playground.session import CurrentTenant, CurrentTenantDep, FormDep, WriterDep
from db.jobs.queries import find_job
from db.tables import Job
from workers.messaging.events import Event

router = APIRouter()

PLACE_SECONDS = 3.0
"""How often the place of a job that waits is looked at."""


@router.post("/jobs")
def submit(
    request: Request, services: ServicesDep, current: WriterDep, form: FormDep
) -> HTMLResponse:
    """Submit what the form says, as `POST /v1/jobs` does; the answer is the panel."""
    asked = form_view(services, form)

    def render_panel(session: Session, jobs: list[Job]) -> list[Any]:
        return [panel_values(services, session, job) for job in jobs]

    submitted = submissions.submit(services, current.caller, asked.submission, render_panel)
    answer = page(request, "current.html", csrf=current.csrf, **submitted.answer)
    answer.headers["HX-Trigger"] = "submitted"
    return answer


@router.post("/jobs/{job_id}/cancel")
def cancel(job_id: ShortText, services: ServicesDep, current: WriterDep) -> HTMLResponse:
    """Cancel a job, queued or running; whoever watches is told by the stream."""
    cancel_own(services, current.tenant_id, job_id)
    return HTMLResponse(status_code=204)


def values_of(services: Services, current: CurrentTenant, job_id: str) -> dict[str, Any]:
    """The values of a job's panel.

    Raises:
        api.core.errors.ProblemError: it is not the tenant's.
    """
    with services.database.transaction(durable=False) as session:
        job = find_job(session, tenant_id=current.tenant_id, job_id=job_id)
        if job is None:
            raise not_found("job")
        values = panel_values(services, session, job)
    return as_kept(services, values) if values["over"] else values


async def _job_first(
    job_id: ShortText, services: ServicesDep, current: CurrentTenantDep
) -> dict[str, Any]:
    """The job, before the stream begins: a 404 must come as one."""
    return await run_in_threadpool(values_of, services, current, job_id)


@router.get("/jobs/{job_id}/events", response_class=EventSourceResponse)
async def stream_panel(
    job_id: ShortText,
    services: ServicesDep,
    current: CurrentTenantDep,
    _first: Annotated[dict[str, Any], Depends(_job_first)],
) -> AsyncIterable[ServerSentEvent]:
    """The panel whenever something happens to the job; at its end `done`, last of all."""
    shown, last = _Shown(), ""
    with services.hub.watch(job_id) as waiter:
        for event in await services.hub.replay(job_id, after=None):
            shown.note(event)
        while True:
            # Read after watching began, or after an event: nothing is missed in between.
            values = await run_in_threadpool(values_of, services, current, job_id)
            panel = shown.panel(current, values)
            if panel != last:
                yield ServerSentEvent(raw_data=panel)
                last = panel
            if values["over"]:
                break
            await shown.note_next(waiter, waits=values["waiting"] is not None)
    yield ServerSentEvent(event="done", raw_data=str(values["job"].state))


class _Shown:
    """What events have told and no row holds: the step of this moment, and the preview."""

    def __init__(self) -> None:
        self._step, self._steps = 0, 0
        self._preview = ""

    def note(self, event: Event) -> None:
        if event.type == "progress":
            self._step, self._steps = int(event.data["step"]), int(event.data["steps"])
        elif event.type == "preview":
            self._preview = str(event.data["image"])
        elif event.type == "state":
            self._step, self._steps, self._preview = 0, 0, ""  # another attempt begins anew

    async def note_next(self, waiter: Waiter, *, waits: bool) -> None:
        """Wait for something to happen; what came meanwhile is shown at once.

        Nothing tells a job that `waits` of those before it: its place is looked at now and then.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(PLACE_SECONDS if waits else None):
                event = await waiter.get()
                while event is not None:
                    self.note(event)
                    event = None if waiter.empty() else waiter.get_nowait()

    def panel(self, current: CurrentTenant, values: dict[str, Any]) -> str:
        job = values["job"]
        # The worker tells of a step at once, and writes it with its next heartbeat; a quick job
        # is over by then.
        job.progress_steps = job.progress_steps or self._steps
        job.progress_step = max(job.progress_step, min(self._step, job.progress_steps))
        return render("panel.html", csrf=current.csrf, preview=self._preview, **values)
