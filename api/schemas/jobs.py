"""The JSON of the native API: requests and responses."""

import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictFloat,
    StrictInt,
    StringConstraints,
    field_validator,
)
from pydantic_core import PydanticCustomError

from api.schemas.examples import (
    ANALYSIS_JOB,
    ANALYSIS_SUBMISSION,
    IMAGE_JOB,
    IMAGE_SUBMISSION,
    MODEL,
)
from api.schemas.webhooks import WebhookRequest
from db.tenants.tiers import MIN_KEEP_SECONDS
from db.values.job_state import JobState, Priority
from db.values.surfaces import SurfaceName
from workers.catalog.validation import InputModel, reject_nul

_UNSERVED = (
    "Why no worker is ready for the model: no_worker, loading (one starts) or worker_failing (its "
    "workers fail, or cannot load it); null where one is"
)

_WARNINGS = (
    "What is adjusted, or has no effect with the other parameters and these pictures. This API "
    "refuses what it does not understand; compatible ones ignore it, and tell it here"
)

MAX_METADATA_ENTRIES = 32
MAX_METADATA_BYTES = 16_384
MAX_KEEP_SECONDS = 2**31 - 1
MAX_INPUT_ENTRIES = 100
"""More than any model has parameters: each unknown one would be an error of its own."""


MAX_SHORT_TEXT = 500
ShortText = Annotated[str, StringConstraints(max_length=MAX_SHORT_TEXT), AfterValidator(reject_nul)]
"""Short text that the database can store. Half a surrogate pair is no text."""


def _check_metadata_size(metadata: dict[str, str]) -> dict[str, str]:
    text = json.dumps(metadata, ensure_ascii=False, separators=(",", ":"))
    size_bytes = len(text.encode("utf-8", "surrogatepass"))
    if size_bytes > MAX_METADATA_BYTES:
        message = "metadata takes {size} bytes as JSON, and may take {most}"
        raise PydanticCustomError(
            "metadata_too_long", message, {"size": size_bytes, "most": MAX_METADATA_BYTES}
        )
    return metadata


def _example(*values: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": list(values)}, populate_by_name=True)


class Submission(InputModel):
    """A job to submit; the model's own schema describes `input` (`GET /v1/models/{id}`)."""

    model_config = ConfigDict(extra="forbid") | _example(IMAGE_SUBMISSION, ANALYSIS_SUBMISSION)

    model: str = Field(max_length=100, description="A model id")
    input: dict[str, Any] = Field(
        max_length=MAX_INPUT_ENTRIES, description="The model's parameters"
    )
    priority: Priority = Field(Priority.NORMAL, description="The order among your own jobs")
    expires_in_seconds: StrictFloat = Field(
        86_400,
        ge=1,
        le=7 * 86_400,
        description="The job expires when no worker has started it by then",
    )
    metadata: Annotated[dict[ShortText, ShortText], AfterValidator(_check_metadata_size)] = Field(
        default_factory=dict,
        max_length=MAX_METADATA_ENTRIES,
        description=f"Your own data, returned with the job; at most {MAX_METADATA_BYTES:,} bytes "
        "of JSON",
    )
    webhook: WebhookRequest | None = Field(None, description="The receiver of the result")
    keep_seconds: StrictInt | None = Field(
        None,
        ge=MIN_KEEP_SECONDS,
        le=MAX_KEEP_SECONDS,
        description="The time after the job's end for which its results, input and metadata are "
        "kept; at most `limits.keep_seconds` of your account, which is the default",
    )

    @field_validator("webhook", mode="before")
    @classmethod
    def _is_object(cls, webhook: Any) -> Any:
        if isinstance(webhook, str):
            message = 'should be an object: {"url": "https://…"}'
            raise PydanticCustomError("model_attributes_type", "{message}", {"message": message})
        return webhook


class Price(BaseModel):
    """The price of a job, in integer micro-USD, and its cover: allowance or balance."""

    amount_micros: int
    currency: str = "USD"
    covered_by: str | None


class RequestWarningView(BaseModel):
    """Something in the request that is not honoured or has no effect, though the job runs."""

    code: str
    parameter: str
    message: str


class Quote(BaseModel):
    """The price of a job that was not submitted; `covered_by` is null when nothing covers it."""

    model_config = _example(
        {
            "model": "flux.1-demo",
            "price": {"amount_micros": 1000, "currency": "USD", "covered_by": "allowance"},
            "units": 1,
            "unit_kind": "images",
            "device_seconds": 0.2,
            "expected_wait_seconds": 0.0,
            "cold_start": False,
            "cold_start_seconds": None,
            "unserved_reason": None,
            "paused": False,
            "warnings": [],
        }
    )

    model: str
    price: Price
    units: int
    unit_kind: str
    device_seconds: float
    expected_wait_seconds: float | None
    paused: bool
    cold_start: bool = Field(
        description="Workers serve the model, and none has it loaded: the next job waits until "
        "one has, beyond the expected wait"
    )
    cold_start_seconds: float | None = Field(
        description="The seconds that it took the last time; null where none has measured it"
    )
    unserved_reason: str | None = Field(description=_UNSERVED)
    warnings: list[RequestWarningView] = Field(default_factory=list, description=_WARNINGS)


class Charge(BaseModel):
    """The final cost of a job; a job that is not over has none.

    `ran` is the part of a canceled job that ran, from 0 to 1. An allowance pays whole units: what
    is left over of a canceled job is added to the next canceled one of the month.
    """

    amount_micros: int
    units: int
    ran: float


class Progress(BaseModel):
    """Progress through the model's steps; `fraction` is from 0 to 1."""

    step: int
    steps: int
    fraction: float


class WaitingView(BaseModel):
    """Position of a queued job, the reason of its wait, and the expected time.

    While its model is being loaded, `progress` is the done fraction, from 0 to 1, of `stage`:
    `downloading`, `loading` or `preparing`. `loaded_bytes` and `total_bytes` are its bytes, where
    they are known.
    """

    reason: str
    position: int
    expected_seconds: float | None
    progress: float | None = None
    stage: str | None = None
    loaded_bytes: int | None = None
    total_bytes: int | None = None
    cold_start: bool = Field(
        default=False,
        description="Workers serve its model, and none has it loaded: one loads it for this job",
    )


class JobError(BaseModel):
    """The reason of a failure; `retryable` when the same submission may succeed later."""

    code: str
    message: str
    retryable: bool


class Timings(BaseModel):
    """Seconds from submission to start, on the device, and to encode and store."""

    queued_seconds: float | None
    run_seconds: float | None
    store_seconds: float | None


class JobUrls(BaseModel):
    """The job's own URLs."""

    self: str
    events: str
    cancel: str


class JobView(BaseModel):
    """The current state of a job."""

    model_config = _example(IMAGE_JOB, ANALYSIS_JOB)

    id: str
    model: str
    state: JobState
    attempt: int
    priority: Priority
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: Progress | None
    waiting: WaitingView | None
    price: Price
    charge: Charge | None = None
    cancel_requested_at: datetime | None = Field(
        None,
        description="A hosted job was canceled when its vendor had it: it succeeds if the vendor "
        "delivers, and is canceled otherwise",
    )
    output: dict[str, Any] | None = Field(
        description="The results. `warnings` are words, of the whole output or of one task: "
        "`prompt_cut` and `negative_prompt_cut` (the end of it was not read), `repetition`, "
        "`malformed_answer` (places were mended or, without an area, left out), `masks_limited`"
    )
    error: JobError | None
    metadata: dict[str, str]
    surface: SurfaceName = Field(
        SurfaceName.NATIVE,
        description="The API that it came by: this one, or a compatible one",
    )
    keep_seconds: int | None = Field(
        None,
        description="Its own or its tier's time, after which results, input and metadata are "
        "removed; null removes results alone, after the service's time",
    )
    kept_until: datetime | None = Field(
        None, description="The end of that time; null while the job is not over"
    )
    warnings: list[RequestWarningView] = Field(default_factory=list, description=_WARNINGS)
    timings: Timings
    urls: JobUrls


class JobList(BaseModel):
    """Jobs, newest first; `next_cursor` or the `Link` header gets the next page."""

    model_config = _example({"jobs": [IMAGE_JOB], "next_cursor": None})

    jobs: list[JobView]
    next_cursor: str | None


class FileView(BaseModel):
    """An uploaded picture; use its id for a model's picture parameter."""

    model_config = _example(
        {
            "id": "file_01jd8w7n4tq0c3v5x9y2z6k8m1",
            "media_type": "image/png",
            "width": 128,
            "height": 128,
            "bytes": 3021,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        }
    )

    id: str
    media_type: str
    width: int
    height: int
    bytes: int
    sha256: str


class ServedModeView(BaseModel):
    """A way in which workers serve a model: the number format of its weights, and their memory.

    `precision` is `float32` on a CPU that computes in it, whatever was asked for in 16 bits.
    `offload` is what waits in the host's memory: `none`, `text` (the text encoders) or `blocks`
    (also the transformer's blocks).
    """

    precision: str
    offload: str
    device_bytes: int
    working_bytes: int
    host_bytes: int
    workers: int


class ModelView(BaseModel):
    """A model: its input's schema, price, licence and load."""

    model_config = _example(MODEL)

    id: str
    title: str
    aliases: list[str]
    base: str | None = Field(description="The built-in model that the operator's own derives from.")
    family: str
    tasks: list[str]
    input_schema: dict[str, Any]
    limits: dict[str, float] = Field(
        description="Seconds, jobs in a call and, where a prompt's end is cut off, the most tokens "
        "of one, with those of the model's chat template."
    )
    price: dict[str, int | str]
    unit_kind: str
    licence: dict[str, Any]
    ready_workers: int
    expected_wait_seconds: float | None
    paused: bool
    cold_start: bool
    cold_start_seconds: float | None
    unserved_reason: str | None = Field(description=_UNSERVED)
    serving: list[ServedModeView]


class ModelList(BaseModel):
    """All offered models."""

    model_config = _example({"models": [MODEL]})

    models: list[ModelView]


class AllowanceView(BaseModel):
    """The allowance of one kind of unit in this month."""

    granted: int
    used: int
    held: int
    left: int


class AccountView(BaseModel):
    """The tenant's account; money is in micro-USD."""

    model_config = _example(
        {
            "tenant": "ten_01jd8w7n4tq0c3v5x9y2z6k8m1",
            "name": "Demo",
            "tier": "free",
            "limits": {
                "max_in_flight": 20,
                "max_priority": "normal",
                "requests_per_minute": 3000,
                "models": None,
                "allowance_models": None,
                "cancel_charge": "steps",
                "max_stored_bytes": 1_000_000_000,
                "keep_seconds": 2_592_000,
            },
            "in_flight": 0,
            "stored_bytes": 48_210,
            "allowances": {"images": {"granted": 100, "used": 1, "held": 0, "left": 99}},
            "allowances_reset_at": "2026-12-01T00:00:00Z",
            "balance_micros": 0,
            "held_micros": 0,
            "open_holds": 0,
        }
    )

    tenant: str
    name: str
    tier: str
    limits: dict[str, int | str | list[str] | None]
    in_flight: int
    stored_bytes: int
    allowances: dict[str, AllowanceView]
    allowances_reset_at: datetime
    balance_micros: int
    held_micros: int
    open_holds: int


class UsageEventView(BaseModel):
    """One settled job."""

    job_id: str
    model: str
    kind: str
    units: int
    amount_micros: int
    covered_by: str
    occurred_at: datetime
    outcome: str = Field("succeeded", description="`succeeded`, or `canceled` while it ran")


class UsageSumView(BaseModel):
    """The sum of the settled jobs of one group."""

    model: str | None
    day: str | None
    kind: str
    jobs: int
    units: int
    amount_micros: int


class UsageView(BaseModel):
    """Usage in a period; the sums cover all of it, `events` has its first thousand jobs."""

    model_config = _example(
        {
            "from": "2026-11-01T00:00:00Z",
            "to": "2026-12-01T00:00:00Z",
            "sums": [
                {
                    "model": "flux.1-demo",
                    "day": None,
                    "kind": "images",
                    "jobs": 1,
                    "units": 1,
                    "amount_micros": 0,
                }
            ],
            "events": [],
        }
    )

    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    sums: list[UsageSumView]
    events: list[UsageEventView]


class Health(BaseModel):
    """Health of the process and of the servers that it depends on."""

    model_config = _example({"status": "ok", "checks": {"database": "ok", "redis": "ok"}})

    status: str
    checks: dict[str, str] = Field(default_factory=dict)
