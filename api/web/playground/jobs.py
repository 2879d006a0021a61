"""Jobs from the form: submit one, watch it as a stream of its panel, cancel it."""

from collections.abc import AsyncIterable
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.orm import Session

from api.core.errors import not_found
from api.jobs import actions
from api.jobs import submit as submissions
from api.schemas.jobs import ShortText
from api.services import Services, ServicesDep
from api.web.playground.form.page import form_view
from api.web.playground.pages import page, render
from api.web.playground.panel import panel_values, without_removed_pictures
from api.web.playground.session import CurrentTenant, CurrentTenantDep, FormDep, WriterDep
from api.web.shared.job_stream import JobValues, stream_job
from db.jobs.queries import find_job
from db.tables import Job

router = APIRouter()


@router.post("/jobs")
def submit(
    request: Request, services: ServicesDep, tenant: WriterDep, form: FormDep
) -> HTMLResponse:
    """Submit the form's job as `POST /v1/jobs` does; the response is its panel."""
    view = form_view(services, form)

    def render_panel(session: Session, jobs: list[Job]) -> list[Any]:
        return [panel_values(services, session, job) for job in jobs]

    result = submissions.submit(services, tenant.caller, view.submission, render_panel)
    response = page(request, "live_panel.html", csrf=tenant.csrf, **result.view)
    response.headers["HX-Trigger"] = "submitted"
    return response


@router.post("/jobs/{job_id}/cancel")
def cancel(job_id: ShortText, services: ServicesDep, tenant: WriterDep) -> HTMLResponse:
    """Cancel a queued or running job; the stream shows it."""
    actions.cancel_job(services, tenant_id=tenant.id, actor=None, job_id=job_id)
    return HTMLResponse(status_code=204)


def job_values(services: Services, tenant: CurrentTenant, job_id: str) -> JobValues:
    """The template values of a job's panel.

    Raises:
        api.core.errors.ProblemError: 404, the tenant has no such job.
    """
    with services.database.transaction(durable=False) as session:
        job = find_job(session, tenant_id=tenant.id, job_id=job_id)
        if job is None:
            raise not_found("job")
        values = panel_values(services, session, job)
    return without_removed_pictures(services, values) if values["over"] else values


async def _require_job(job_id: ShortText, services: ServicesDep, tenant: CurrentTenantDep) -> None:
    """Answer 404 before the stream begins; afterwards it is too late."""
    await run_in_threadpool(job_values, services, tenant, job_id)


@router.get(
    "/jobs/{job_id}/events",
    response_class=EventSourceResponse,
    dependencies=[Depends(_require_job)],
)
async def stream_panel(
    job_id: ShortText, services: ServicesDep, tenant: CurrentTenantDep
) -> AsyncIterable[ServerSentEvent]:
    """The job's panel whenever it changes; then `done`."""

    def render_panel(values: JobValues, preview: str) -> str:
        return render("panel.html", csrf=tenant.csrf, preview=preview, **values)

    stream = stream_job(
        services.hub,
        job_id,
        read=lambda: job_values(services, tenant, job_id),
        render=render_panel,
    )
    async with aclosing(stream) as events:
        async for event in events:
            yield event
