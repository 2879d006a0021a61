"""Calls of FLUX's vendor: submit, poll, credits, and the report of uses under a licence."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from api.auth.tenant import CallerDep, TenantId
from api.compat.bfl import rendering
from api.compat.bfl.errors import ERROR_RESPONSES
from api.compat.bfl.polling import poll, poller
from api.compat.bfl.submission import credits_of, submit_task
from api.compat.shared.foreign_job import ForeignJobs
from api.core.domain_errors import JobNotFoundError
from api.core.errors import invalid, not_found
from api.core.json_body import JsonRoute
from api.core.urls import base_url
from api.routes.idempotency_header import IdempotencyKey
from api.schemas.jobs import ShortText
from api.services import ServicesDep
from db.tenants import tenants

router = APIRouter(route_class=JsonRoute, responses=ERROR_RESPONSES)

_PROMPT = {"prompt": "a red circle on a blue background", "seed": 7}

Endpoint = Annotated[
    str,
    Path(
        max_length=100,
        description="An endpoint of the vendor, or the id or an alias of a FLUX model",
        examples=["flux-dev"],
    ),
]
Task = Annotated[
    dict[str, Any],
    Body(
        description="The endpoint's fields. Null is absent; unknown fields are ignored, and named "
        "in `Bottega-Ignored`",
        examples=[_PROMPT],
    ),
]


class SubmittedTask(BaseModel):
    """A task that was accepted; `cost` is its price in credits of a cent.

    `output_mp` is null where only the vendor of a hosted model knows the picture's size.
    """

    id: str
    polling_url: str
    cost: float
    input_mp: float
    output_mp: float | None
    status: str | None = Field(None, description="`Pending`, with a webhook")
    webhook_url: str | None = None


class TaskResult(BaseModel):
    """A task's picture; times are seconds since 1970."""

    sample: str
    prompt: str
    seed: int
    start_time: float
    end_time: float
    duration: float


class TaskView(BaseModel):
    """The state of a task.

    `status` is Pending, Ready, Request Moderated or Error; an unknown task is Task not found.
    """

    id: str
    status: str
    result: TaskResult | None
    progress: float | None
    details: dict[str, Any] | None
    preview: dict[str, Any] | None


class Credits(BaseModel):
    """The balance that is not held by unfinished tasks, in credits of a cent."""

    credits: float


class LicensedUse(BaseModel):
    """A report of pictures that were made under a licence for one's own use."""

    model_config = ConfigDict(extra="ignore")

    number_of_generations: int = Field(ge=0, examples=[1])


@router.get("/get_result", response_model=TaskView)
async def get_result(
    request: Request,
    services: ServicesDep,
    task_id: Annotated[ShortText, Query(alias="id", description="The id of a task")],
) -> JSONResponse:
    """The state of a task. An unfinished one is answered after a moment, or at its end.

    No key is needed: the id grants the access. Tasks of other APIs need their tenant's key.
    """
    caller = await poller(request, services)
    jobs = ForeignJobs(services, base_url(request, services.settings))
    try:
        return JSONResponse(rendering.task(await poll(request, services, jobs, caller, task_id)))
    except JobNotFoundError as error:
        told = {name: str(error) for name in ("detail", "error", "message")}
        return JSONResponse({**rendering.unknown_task(task_id), **told}, 404)


@router.get("/credits")
def get_credits(services: ServicesDep, tenant_id: TenantId) -> Credits:
    """Your balance. An allowance, which pays before it, is not part of it."""
    with services.database.transaction(durable=False) as session:
        account = tenants.account(session, tenant_id)
    if account is None:
        raise not_found("tenant")
    free = account.tenant.balance_micros - account.tenant.balance_held_micros
    return Credits(credits=credits_of(free))


@router.post("/licenses/models/{slug}/usage")
async def report_usage(slug: ShortText, use: LicensedUse, _tenant_id: TenantId) -> dict[str, Any]:
    """Accepted without effect: the service counts what it makes itself."""
    return {"model": slug, "number_of_generations": use.number_of_generations}


@router.get("/my_finetunes", include_in_schema=False)
@router.get("/finetune_details", include_in_schema=False)
async def get_finetunes() -> None:
    """Refused: models are not trained here."""
    raise not_found("finetune: LoRAs are given as `loras` in a job of the service's own API")


@router.post("/image", response_model=SubmittedTask, response_model_exclude_unset=True)
async def submit_variant(
    fields: Task,
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """The oldest form of the call: the field `variant` names the endpoint."""
    variant = fields.pop("variant", None)
    if not isinstance(variant, str):
        raise invalid(["body", "variant"], "names the endpoint, such as flux-dev", "missing")
    return await submit(variant, fields, request, services, caller, idempotency_key)


@router.post("/{endpoint}", response_model=SubmittedTask, response_model_exclude_unset=True)
async def submit(
    endpoint: Endpoint,
    fields: Task,
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Submit a task; poll its `polling_url`, or give a `webhook_url`.

    The same body that is sent again by the same key while its task is unfinished gets that task,
    and so does the same `Idempotency-Key`.
    """
    jobs = ForeignJobs(services, base_url(request, services.settings))
    result, answer = await run_in_threadpool(
        submit_task, services, caller, jobs, endpoint, fields, idempotency_key=idempotency_key
    )
    return JSONResponse(answer, headers=result.headers)
