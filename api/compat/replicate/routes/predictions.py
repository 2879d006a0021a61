"""Calls for predictions: make by version, model or deployment; get, list and cancel."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from api.auth.tenant import Caller, CallerDep, IdentifiedCallerDep
from api.compat.replicate import references
from api.compat.replicate.errors import OF_READS, OF_SUBMISSIONS
from api.compat.replicate.references import ModelReference
from api.compat.replicate.requests import (
    ForeignJobsDep,
    answer,
    next_page,
    prediction_of,
)
from api.compat.replicate.schemas import (
    Page,
    Prediction,
    PredictionBody,
    VersionedPredictionBody,
    page,
)
from api.compat.replicate.signed_urls import StreamClaim
from api.compat.replicate.submission import PredictionRequest, submit_prediction
from api.compat.replicate.waits import CANCEL_AFTER, preferred_seconds, wait_for_end
from api.compat.shared.foreign_job import ForeignJob, ForeignJobs
from api.compat.shared.room import submit_when_room
from api.core.domain_errors import (
    InvalidSubmissionError,
    JobNotFoundError,
    NotFoundError,
)
from api.core.json_body import JsonRoute
from api.core.paging import decode_cursor
from api.jobs import actions
from api.middleware.body_limit import release_body
from api.routes.idempotency_header import IdempotencyKey
from api.schemas.jobs import ShortText
from api.schemas.timestamps import Timestamp
from api.services import Services, ServicesDep
from db.core.base import first_id
from db.jobs import queries
from db.jobs.queries import JobFilter

router = APIRouter(prefix="/v1", tags=["predictions"], route_class=JsonRoute)

_PAGE = 100
_MADE: dict[str, Any] = {
    "status_code": 201,
    "response_model": Prediction,
    "responses": OF_SUBMISSIONS,
}
_READ: dict[str, Any] = {"response_model": Prediction, "responses": OF_READS}

Prefer = Annotated[
    str | None,
    Header(
        alias="prefer",
        description="`wait` waits up to 60 seconds for the end, `wait=n` up to n",
    ),
]
CancelAfter = Annotated[
    str | None,
    Header(
        alias=CANCEL_AFTER,
        max_length=40,
        description="Seconds, or a duration such as 5m, in which the prediction must start",
    ),
]


@dataclass(frozen=True)
class _Call:
    """The parts of a request that all ways to make a prediction share.

    Attributes:
        began: when it came, by the event loop's clock.
        wait: the seconds that the client waits for the end; 0 for none.
    """

    request: Request
    services: Services
    caller: Caller
    jobs: ForeignJobs
    began: float
    wait: float
    cancel_after: str | None
    idempotency_key: str | None


async def _call(
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    jobs: ForeignJobsDep,
    _prefer: Prefer = None,
    cancel_after: CancelAfter = None,
    idempotency_key: IdempotencyKey = None,
) -> _Call:
    began, wait = asyncio.get_running_loop().time(), preferred_seconds(request)
    return _Call(request, services, caller, jobs, began, wait, cancel_after, idempotency_key)


_CallDep = Annotated[_Call, Depends(_call)]


@router.post("/predictions", **_MADE)
async def create_prediction(body: VersionedPredictionBody, call: _CallDep) -> Response:
    """Make a prediction of a version: returns at once, or at its end with `Prefer: wait`.

    The same request, sent again while the prediction is not over, is answered with it.
    """
    named = body.version or body.model
    if not named:
        raise InvalidSubmissionError.of_field(("version",), "is required", "missing")
    return await _create(call, references.by_version(call.services.catalogue, named), body)


@router.post("/models/{owner}/{name}/predictions", **_MADE)
async def create_prediction_of_model(
    owner: ShortText, name: ShortText, body: PredictionBody, call: _CallDep
) -> Response:
    """Make a prediction of a model, by its name."""
    found = references.by_name(call.services.catalogue, f"{owner}/{name}")
    return await _create(call, found, body)


@router.post("/deployments/{owner}/{name}/predictions", **_MADE)
async def create_prediction_of_deployment(
    owner: ShortText, name: ShortText, body: PredictionBody, call: _CallDep
) -> Response:
    """Make a prediction of a deployment; each model is one, of the same name."""
    found = references.by_name(call.services.catalogue, f"{owner}/{name}")
    return await _create(call, found, body)


async def _create(call: _Call, reference: ModelReference, body: PredictionBody) -> Response:
    asked = PredictionRequest(reference, body, call.cancel_after, call.idempotency_key)
    services, caller, jobs = call.services, call.caller, call.jobs
    result = await submit_when_room(
        call.request, services, caller, lambda: submit_prediction(services, caller, jobs, asked)
    )
    job, headers = result.job, result.headers
    if call.wait:
        body.input.clear()
        release_body(call.request.scope)
        ends_at = call.began + call.wait
        job = await wait_for_end(call.request, services, caller, jobs, job, ends_at)
        headers["Preference-Applied"] = f"wait={call.wait:g}"
    content = prediction_of(services, jobs, job, _claim(caller, job))
    if call.wait and not job.is_over:
        # Clients that wait take any other status for the end.
        content["status"] = "starting"
    return answer(content, 201, {"Location": content["urls"]["get"], **headers})


def _claim(caller: Caller, job: ForeignJob) -> StreamClaim:
    return StreamClaim(job.view.id, caller.tenant_id, caller.key_id)


@router.get("/predictions/{prediction_id}", **_READ)
async def get_prediction(
    prediction_id: ShortText,
    services: ServicesDep,
    caller: IdentifiedCallerDep,
    jobs: ForeignJobsDep,
) -> Response:
    """The prediction as it is now."""
    return await _shown(prediction_id, services, caller, jobs)


@router.post("/predictions/{prediction_id}/cancel", **_READ)
async def cancel_prediction(
    prediction_id: ShortText,
    services: ServicesDep,
    caller: IdentifiedCallerDep,
    jobs: ForeignJobsDep,
) -> Response:
    """Cancel a prediction; one that is over does not change."""

    def cancel() -> None:
        actions.cancel_job(services, tenant_id=caller.tenant_id, actor=None, job_id=prediction_id)

    try:
        await to_thread.run_sync(cancel)
    except JobNotFoundError as error:
        raise NotFoundError("prediction") from error
    return await _shown(prediction_id, services, caller, jobs)


async def _shown(
    prediction_id: str, services: Services, caller: Caller, jobs: ForeignJobs
) -> Response:
    try:
        job = await jobs.load(tenant_id=caller.tenant_id, job_id=prediction_id)
    except JobNotFoundError as error:
        raise NotFoundError("prediction") from error
    return answer(prediction_of(services, jobs, job, _claim(caller, job)))


@router.get("/predictions", response_model=Page, responses=OF_READS)
def list_predictions(
    request: Request,
    services: ServicesDep,
    caller: IdentifiedCallerDep,
    jobs: ForeignJobsDep,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    created_after: Timestamp | None = None,
    created_before: Timestamp | None = None,
) -> Response:
    """Your predictions, newest first, by whatever API they came."""
    before_id = decode_cursor(cursor, "job")
    if before_id is None and created_before is not None:
        before_id = first_id("job", created_before.timestamp())
    criteria = JobFilter(created_after=created_after, before_id=before_id)
    with services.database.transaction(durable=False) as session:
        rows = queries.list_jobs(session, caller.tenant_id, criteria, limit=_PAGE + 1)
        shown: Sequence[ForeignJob] = jobs.render(session, rows[:_PAGE])
    results = [prediction_of(services, jobs, job, _claim(caller, job)) for job in shown]
    following = next_page(request, jobs.base, shown[-1].view.id) if len(rows) > _PAGE else None
    return answer(page(results, following))
