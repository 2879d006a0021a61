"""The JSON of webhooks: the request in a submission, deliveries and signing secrets."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from db.values.delivery_state import DeliveryState
from db.webhooks.types import WebhookEvent
from workers.catalog.validation import InputModel

MAX_URL_LENGTH = 2_000

_DELIVERY = {
    "id": "msg_01jd8w7p2x5r9k3m6t0v4y8z1c",
    "job_id": "job_01jd8w7n4tq0c3v5x9y2z6k8m1",
    "event": "job.succeeded",
    "url": "https://receiver.example.org/hook",
    "state": "pending",
    "created_at": "2026-11-23T12:00:01Z",
    "next_attempt_at": "2026-11-23T12:00:06.2Z",
    "attempts": [
        {
            "number": 1,
            "started_at": "2026-11-23T12:00:01.1Z",
            "ended_at": "2026-11-23T12:00:01.3Z",
            "status": 503,
            "error": None,
            "seconds": 0.2,
        }
    ],
}


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [value]})


class WebhookRequest(InputModel):
    """A webhook for the end of the job: a signed POST to `url` for each of `events`."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, StringConstraints(max_length=MAX_URL_LENGTH)] = Field(
        description="https; its query may differ from job to job",
        examples=["https://receiver.example.org/hook"],
    )
    events: list[WebhookEvent] = Field(
        default_factory=lambda: list(WebhookEvent),
        min_length=1,
        max_length=len(WebhookEvent),
        description="The events to send; by default all of them",
    )


class DeliveryAttemptView(BaseModel):
    """One POST: the receiver's status, or the error; both are null while it is in progress."""

    number: int
    started_at: datetime
    ended_at: datetime | None
    status: int | None
    error: str | None
    seconds: float | None


class DeliveryView(BaseModel):
    """One event of one job for one URL; `id` is the `webhook-id` of all its attempts."""

    model_config = _example(_DELIVERY)

    id: str
    job_id: str
    event: str = Field(
        description="The end that it tells, such as `job.succeeded`. Webhooks of compatible APIs "
        "also tell the start, the output and steps: `job.started`, `job.output`, `job.logs.2`"
    )
    url: str
    state: DeliveryState
    created_at: datetime
    next_attempt_at: datetime | None
    attempts: list[DeliveryAttemptView]


class DeliveryList(BaseModel):
    """Deliveries, newest first; `next_cursor` or the `Link` header gets the next page."""

    model_config = _example({"deliveries": [_DELIVERY], "next_cursor": None})

    deliveries: list[DeliveryView]
    next_cursor: str | None


class WebhookSecretView(BaseModel):
    """The secret that signs your webhooks; the previous one also signs until it expires."""

    model_config = _example(
        {
            "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
            "created_at": "2026-11-23T12:00:00Z",
            "previous_expires_at": None,
        }
    )

    secret: str
    created_at: datetime
    previous_expires_at: datetime | None
