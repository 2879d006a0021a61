"""The JSON of the native API: what is sent and what is answered."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api.schemas.examples import LOOK, LOOKED, MODEL, PAINT, PAINTING
from api.schemas.webhooks import WebhookRequest
from db.values.job_state import JobState, Priority

MAX_METADATA_ENTRIES = 32


def _without_nul(text: str) -> str:
    # PostgreSQL holds every character but this one.
    if "\x00" in text:
        raise PydanticCustomError("nul_character", "must not contain the NUL character")
    return text


ShortText = Annotated[str, StringConstraints(max_length=500), AfterValidator(_without_nul)]
"""Text that the database can hold, and that is not long. Half a surrogate pair is no text."""


def _example(*values: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": list(values)}, populate_by_name=True)


class Submission(BaseModel):
    """A job to be done: `input` is what the model's own schema says (`GET /v1/models/{id}`)."""

    model_config = ConfigDict(extra="forbid") | _example(PAINT, LOOK)

    model: str = Field(max_length=100, description="A model id")
    input: dict[str, Any] = Field(description="The model's parameters")
    priority: Priority = Field(Priority.NORMAL, description="Ranks your own jobs")
    expires_in_seconds: float = Field(
        86_400, ge=1, le=7 * 86_400, description="Give up when no worker has begun by then"
    )
    metadata: dict[ShortText, ShortText] = Field(
        default_factory=dict, max_length=MAX_METADATA_ENTRIES, description="Yours, given back"
    )
    webhook: WebhookRequest | None = Field(None, description="Whom to tell when it is over")


class Price(BaseModel):
    """What the job costs, in integer micro-USD, and what covers it: allowance or balance."""

    amount_micros: int
    currency: str = "USD"
    covered_by: str | None


class Quote(BaseModel):
    """What a job would cost; nothing was submitted. `covered_by` null: neither would cover it."""

    model_config = _example(
        {
            "model": "flux.1-demo",
            "price": {"amount_micros": 1000, "currency": "USD", "covered_by": "allowance"},
            "units": 1,
            "unit_kind": "images",
            "device_seconds": 0.2,
            "expected_wait_seconds": 0.0,
            "paused": False,
        }
    )

    model: str
    price: Price
    units: int
    unit_kind: str
    device_seconds: float
    expected_wait_seconds: float | None
    paused: bool


class Progress(BaseModel):
    """How far the model has come in its steps; `fraction` from 0 to 1."""

    step: int
    steps: int
    fraction: float


class WaitingView(BaseModel):
    """Where a queued job stands, why it waits and for how long it is expected to.

    While its model is loaded, `progress` tells how much of it is, 0 to 1.
    """

    reason: str
    position: int
    expected_seconds: float | None
    progress: float | None = None


class JobError(BaseModel):
    """Why a job failed; `retryable` when the same submission may well succeed."""

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


class AttemptView(BaseModel):
    """One try at the job; `outcome` null while it runs."""

    number: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None


class JobView(BaseModel):
    """A job as it stands now."""

    model_config = _example(PAINTING, LOOKED)

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
    output: dict[str, Any] | None
    error: JobError | None
    metadata: dict[str, str]
    timings: Timings
    urls: JobUrls


class JobList(BaseModel):
    """Jobs, newest first; `next_cursor` continues, as does the `Link` header."""

    model_config = _example({"jobs": [PAINTING], "next_cursor": None})

    jobs: list[JobView]
    next_cursor: str | None


class FileView(BaseModel):
    """An uploaded picture; give its id where a model takes a picture."""

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


class ModelView(BaseModel):
    """A model: what it takes, what it costs, under which licence, and how busy it is."""

    model_config = _example(MODEL)

    id: str
    title: str
    family: str
    tasks: list[str]
    input_schema: dict[str, Any]
    limits: dict[str, float]
    price: dict[str, int | str]
    unit_kind: str
    licence: dict[str, Any]
    ready_workers: int
    expected_wait_seconds: float | None
    paused: bool


class ModelList(BaseModel):
    """Every model that is offered."""

    model_config = _example({"models": [MODEL]})

    models: list[ModelView]


class AllowanceView(BaseModel):
    """One kind's allowance of this month."""

    granted: int
    used: int
    held: int
    left: int


class AccountView(BaseModel):
    """The tenant's standing; money in micro-USD."""

    model_config = _example(
        {
            "tenant": "ten_01jd8w7n4tq0c3v5x9y2z6k8m1",
            "name": "Demo",
            "tier": "free",
            "limits": {
                "max_in_flight": 20,
                "max_priority": "normal",
                "requests_per_minute": 3000,
            },
            "in_flight": 0,
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
    limits: dict[str, int | str | None]
    in_flight: int
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


class UsageSumView(BaseModel):
    """Settled jobs of one group."""

    model: str | None
    day: str | None
    kind: str
    jobs: int
    units: int
    amount_micros: int


class UsageView(BaseModel):
    """What was used in a period; the sums cover all of it, `events` its first thousand jobs."""

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
    """Whether the process, and what it depends on, answers."""

    model_config = _example({"status": "ok", "checks": {"database": "ok", "redis": "ok"}})

    status: str
    checks: dict[str, str] = Field(default_factory=dict)
