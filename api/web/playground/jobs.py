"""Jobs from the form: submit one, watch it as a stream of its panel, cancel it."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from api.core.errors import not_found
from api.core.event_stream import EventStream
from api.jobs import actions
from api.jobs import submit as submissions
from api.resources.waiter import Waiter
from api.schemas.jobs import ShortText
from api.services import Services, ServicesDep
from api.web.playground.form.page import form_view
from api.web.playground.pages import page, render
from api.web.playground.panel import panel_values, without_removed_pictures
from api.web.playground.session import CurrentTenant, CurrentTenantDep, FormDep, WriterDep
from api.web.shared.job_stream import JobValues, LivePart, following
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


async def _follow(
    job_id: ShortText, services: ServicesDep, tenant: CurrentTenantDep
) -> AsyncIterator[Waiter]:
    """Answer 404 or 429 before the stream begins; afterwards it is too late."""
    with following(services, job_id, tenant.credential) as waiter:
        await run_in_threadpool(job_values, services, tenant, job_id)
        yield waiter


@router.get("/jobs/{job_id}/events", response_class=EventStream, response_model=None)
async def stream_panel(
    job_id: ShortText,
    services: ServicesDep,
    tenant: CurrentTenantDep,
    waiter: Annotated[Waiter, Depends(_follow)],
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """The job's panel whenever it changes; then `done`."""

    def render_panel(values: JobValues, preview: str) -> str:
        return render("panel.html", csrf=tenant.csrf, preview=preview, **values)

    def read() -> JobValues:
        return job_values(services, tenant, job_id)

    return LivePart(services, job_id, waiter, read, render_panel).response(last_event_id)
