"""Calls of Hugging Face's inference: one URL for each model, and one for each of its tasks."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import BeforeValidator, FiniteFloat

from api.auth.tenant import Caller, CallerDep
from api.compat.huggingface import rendering
from api.compat.huggingface.accept import output_format
from api.compat.huggingface.body import InferenceBody, read_body
from api.compat.huggingface.errors import ERROR_RESPONSES, is_javascript
from api.compat.huggingface.tasks import (
    PAINTING,
    Task,
    find_task,
    task_of_body,
    translate,
)
from api.compat.shared.foreign_job import ForeignJob, ForeignJobs
from api.compat.shared.names import find_variant
from api.compat.shared.picture_files import result_files
from api.compat.shared.submission import ForeignRequest, ForeignResult, submit_foreign
from api.compat.shared.waiting import submit_and_wait
from api.core.domain_errors import ModelNotOfferedError
from api.core.errors import ProblemError, not_found
from api.core.urls import base_url
from api.routes.idempotency_header import IdempotencyKey
from api.schemas.jobs import ShortText
from api.services import Services, ServicesDep
from db.values.artifact_kinds import ArtifactKind
from db.values.blank import is_absent
from db.values.job_state import JobState
from db.values.surfaces import SurfaceName
from workers.catalog import Variant

JOB = "Bottega-Job"
"""The header with the job's id."""

SEED = "Bottega-Seed"
"""The header with the seed that paints the picture again."""

_CHAT = "/v1/chat/completions"
_MODERATED = ("request_moderated", "content_moderated")

_BYTES = {"schema": {"type": "string", "format": "binary"}}
_CONTENT = dict.fromkeys(("image/png", "image/jpeg", "image/webp"), _BYTES)
_DONE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The picture, or what was seen",
        "content": {**_CONTENT, "application/json": {"schema": {}}},
    }
}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["inputs"],
                    "properties": {
                        "inputs": {
                            "type": "string",
                            "description": "The prompt, or a picture in base64",
                        },
                        "parameters": {"type": "object"},
                    },
                },
                "example": {
                    "inputs": "a red circle on a blue background",
                    "parameters": {"seed": 7},
                },
            },
            **_CONTENT,
        },
    }
}

router = APIRouter(responses=ERROR_RESPONSES | _DONE)

Model = Annotated[
    str,
    Path(
        max_length=200,
        description="A model's name on the hub, or its id here",
        examples=["black-forest-labs/FLUX.1-schnell"],
    ),
]

Text = Annotated[
    ShortText | None,
    Query(
        description="What to outline, for clients whose image-segmentation has no such parameter"
    ),
]

Threshold = Annotated[
    FiniteFloat | None,
    BeforeValidator(lambda value: None if is_absent(value) else value),
    Query(
        description="The least score, for clients whose image-segmentation sends none",
    ),
]


@router.post("/models/{model:path}/pipeline/{task}", response_class=Response, openapi_extra=_BODY)
async def run_task(
    model: Model,
    task: str,
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    text: Text = None,
    threshold: Threshold = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Run a task of a model, and answer with its result.

    A client that leaves cancels the job, unless it is hosted.
    """
    variant = _find_model(services, model)
    found = find_task(variant, model, task)
    body = await read_body(request)
    asked = {"text": text, "threshold": threshold}
    body = body.with_query({name: value for name, value in asked.items() if value is not None})
    return await _infer(request, services, caller, (variant, model, found), body, idempotency_key)


@router.post("/models/{model:path}", response_class=Response, openapi_extra=_BODY)
async def run_model(
    model: Model,
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Run the task that follows from the model and the body, and answer with its result."""
    variant = _find_model(services, model)
    body = await read_body(request)
    task = find_task(variant, model, task_of_body(variant, body))
    return await _infer(request, services, caller, (variant, model, task), body, idempotency_key)


def _find_model(services: Services, model: str) -> Variant:
    if model.endswith(_CHAT):
        raise ModelNotOfferedError(model, "chat is served below /openai/v1")
    return find_variant(services.catalogue, SurfaceName.HUGGINGFACE, model)


async def _infer(
    request: Request,
    services: Services,
    caller: Caller,
    asked: tuple[Variant, str, Task],
    body: InferenceBody,
    idempotency_key: str | None,
) -> Response:
    variant, model, task = asked
    file_format = output_format(request.headers.get("accept", ""))
    translation = translate(variant, task, body, file_format)
    jobs = ForeignJobs(services, base_url(request, services.settings))
    foreign = ForeignRequest(
        SurfaceName.HUGGINGFACE,
        translation,
        {"model": model, "task": task.value},
        is_synchronous=True,
    )

    def submit() -> ForeignResult:
        try:
            return submit_foreign(services, caller, jobs, foreign, idempotency_key=idempotency_key)
        finally:
            # The request stays open: its pictures are stored, and need not be in memory.
            translation.input.clear()

    del body
    result = await submit_and_wait(request, services, caller, jobs, submit)
    _require_success(result.job)
    headers = {JOB: result.job.view.id, **result.headers}
    if task in PAINTING:
        return await run_in_threadpool(_picture, services, result.job, headers)
    content = await run_in_threadpool(_answer, services, result.job, task)
    if task is Task.IMAGE_TO_TEXT and not is_javascript(request.scope):
        content = [content]
    return JSONResponse(content, headers=headers)


def _require_success(job: ForeignJob) -> None:
    """Raise for a job that has no result; clients do not repeat these statuses.

    Raises:
        ProblemError: 400 where it was moderated, 504 where it expired, else 500.
    """
    state, error = job.view.state, job.view.error
    if state == JobState.SUCCEEDED:
        return
    if state == JobState.EXPIRED:
        raise ProblemError(HTTPStatus.GATEWAY_TIMEOUT, "expired", "no worker started it in time")
    if error is None:
        detail = "the job was canceled"
        raise ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "canceled", detail)
    is_moderated = error.code in _MODERATED
    status = HTTPStatus.BAD_REQUEST if is_moderated else HTTPStatus.INTERNAL_SERVER_ERROR
    raise ProblemError(status, error.code, error.message or error.code)


def _picture(services: Services, job: ForeignJob, headers: Mapping[str, str]) -> Response:
    """The first painted picture."""
    files = result_files(services, job.view.id, ArtifactKind.IMAGE)
    if not files:
        raise not_found("picture")
    row = files[0].row
    seed = {} if row.seed is None else {SEED: str(int(row.seed))}
    return Response(files[0].data, 200, {**headers, **seed}, row.media_type)


def _answer(services: Services, job: ForeignJob, task: Task) -> Any:
    if task is Task.IMAGE_TO_TEXT:
        return {"generated_text": rendering.generated_text(job)}
    if task is Task.OBJECT_DETECTION:
        return rendering.detections(job)
    masks = result_files(services, job.view.id, ArtifactKind.MASK)
    return rendering.segments(job, masks)
