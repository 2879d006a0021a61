"""The page of one job: whole, and its live part as a stream."""

from collections.abc import AsyncIterable
from contextlib import aclosing

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.core.errors import not_found
from api.operators.job_reads import record_job_read
from api.schemas.jobs import ShortText
from api.services import Services, ServicesDep
from api.web.dashboard.flash_messages import FlashMessageDep
from api.web.dashboard.jobs.detail_values import job_values
from api.web.dashboard.pages import page, render
from api.web.dashboard.session import CurrentOperatorDep
from api.web.shared.job_pictures import without_removed
from api.web.shared.job_stream import JobValues, stream_job

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


async def _require_job(
    job_id: ShortText, services: ServicesDep, operator: CurrentOperatorDep
) -> None:
    """Answer 404 before the stream begins; afterwards it is too late."""
    await run_in_threadpool(_values, services, job_id)
    await run_in_threadpool(record_job_read, services, operator.actor, job_id)


@router.get(
    "/jobs/{job_id}/events",
    response_class=EventSourceResponse,
    dependencies=[Depends(_require_job)],
)
async def stream_live_part(
    job_id: ShortText, services: ServicesDep, operator: CurrentOperatorDep
) -> AsyncIterable[ServerSentEvent]:
    """The page's live part whenever the job changes; then `done`."""

    def render_part(values: JobValues, _preview: str) -> str:
        return render("job_live.html", operator=operator, **values)

    stream = stream_job(
        services.hub, job_id, read=lambda: _values(services, job_id), render=render_part
    )
    async with aclosing(stream) as events:
        async for event in events:
            yield event
