"""The words of webhooks: events, states of a delivery, what is asked for and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self


class WebhookEvent(StrEnum):
    """What a receiver may be told: that a job is over, and how it ended."""

    SUCCEEDED = "job.succeeded"
    FAILED = "job.failed"
    CANCELED = "job.canceled"
    EXPIRED = "job.expired"


@dataclass(frozen=True)
class Webhook:
    """Whom a job's owner wants told, and of what.

    Attributes:
        url: gets the POST.
        events: those that are told of.
        base_url: where clients reach the service, for the job's URL in the payload; may be empty.
    """

    url: str
    events: tuple[WebhookEvent, ...] = tuple(WebhookEvent)
    base_url: str = ""

    def as_json(self) -> dict[str, Any]:
        """The value of the job's column."""
        return {"url": self.url, "events": list(self.events), "base_url": self.base_url}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What `as_json` wrote."""
        events = tuple(WebhookEvent(name) for name in value["events"])
        return cls(value["url"], events, value["base_url"])


@dataclass(frozen=True)
class Sending:
    """A courier's right to one attempt at a delivery: valid while this is its latest.

    Attributes:
        number: counts all attempts of the delivery from 1; the fence.
        started_at: by the database's clock.
        request_id: of the request that the job came by.
    """

    delivery_id: str
    number: int
    tenant_id: str
    event: str
    host: str
    url: str = field(repr=False)  # it may hold a token
    body: str = field(repr=False)
    started_at: datetime
    job_id: str = ""
    request_id: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt.

    Attributes:
        status: the receiver's HTTP status; None when it gave none.
        error: a stable code when there is no status, e.g. "timeout".
        seconds: how long it took.
        retry_after_seconds: when the receiver wants to be asked again.
    """

    status: int | None
    error: str | None
    seconds: float
    retry_after_seconds: float | None = None

    @property
    def accepted(self) -> bool:
        """Whether the receiver has it: any 2xx. A redirect is not followed and is a failure."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - HTTP's
