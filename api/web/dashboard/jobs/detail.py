"""The page of one job: whole, and its live part as a stream."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response

from api.core.errors import not_found
from api.core.event_stream import EventStream
from api.operators.job_reads import record_job_read
from api.resources.waiter import Waiter
from api.schemas.jobs import ShortText
from api.services import Services, ServicesDep
from api.web.dashboard.flash_messages import FlashMessageDep
from api.web.dashboard.jobs.detail_values import job_values
from api.web.dashboard.pages import page, render
from api.web.dashboard.session import CurrentOperatorDep
from api.web.shared.job_pictures import without_removed
from api.web.shared.job_stream import JobValues, LivePart, following

router = APIRouter()


def _values(services: Services, job_id: str) -> JobValues:
    with services.database.transaction(durable=False) as session:
        values = job_values(session, job_id)
    if values is None:
        raise not_found("job")
    if values["over"]:  # before a job's end, retention removes none of its pictures
        values["inputs"] = without_removed(services, values["job"], values["inputs"])
    return values


@router.get("/jobs/{job_id}")
def show_job(
    request: Request,
    job_id: ShortText,
    services: ServicesDep,
    operator: CurrentOperatorDep,
    message: FlashMessageDep,
) -> HTMLResponse:
    """One job: its state, its input, its results and its price."""
    values = _values(services, job_id)
    record_job_read(services, operator.actor, job_id)
    return page(request, "job.html", operator, message=message, **values)


async def _follow(
    job_id: ShortText, services: ServicesDep, operator: CurrentOperatorDep
) -> AsyncIterator[Waiter]:
    """Answer 404 or 429 before the stream begins; afterwards it is too late."""
    with following(services, job_id, operator.credential) as waiter:
        await run_in_threadpool(_values, services, job_id)
        await run_in_threadpool(record_job_read, services, operator.actor, job_id)
        yield waiter


@router.get("/jobs/{job_id}/events", response_class=EventStream, response_model=None)
async def stream_live_part(
    job_id: ShortText,
    services: ServicesDep,
    operator: CurrentOperatorDep,
    waiter: Annotated[Waiter, Depends(_follow)],
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """The page's live part whenever the job changes; then `done`."""

    def render_part(values: JobValues, _preview: str) -> str:
        return render("job_live.html", operator=operator, **values)

    def read() -> JobValues:
        return _values(services, job_id)

    return LivePart(services, job_id, waiter, read, render_part).response(last_event_id)
