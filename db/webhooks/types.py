"""Values of webhooks: events, a job's webhook, a claimed delivery and the outcome of an attempt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self


class WebhookEvent(StrEnum):
    """The events that receivers can subscribe to: the ends of a job."""

    SUCCEEDED = "job.succeeded"
    FAILED = "job.failed"
    CANCELED = "job.canceled"
    EXPIRED = "job.expired"


@dataclass(frozen=True)
class Webhook:
    """A job's webhook: the receiver and the events that it subscribes to.

    Attributes:
        url: the URL that gets the POST.
        events: the events that are sent.
        base_url: the public URL of the service, for the job's URL in the payload; may be empty.
    """

    url: str
    events: tuple[WebhookEvent, ...] = tuple(WebhookEvent)
    base_url: str = ""

    def as_json(self) -> dict[str, Any]:
        """The value of the job's column."""
        return {"url": self.url, "events": list(self.events), "base_url": self.base_url}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Restore a webhook from the output of `as_json`."""
        events = tuple(WebhookEvent(name) for name in value["events"])
        return cls(value["url"], events, value["base_url"])


@dataclass(frozen=True)
class DeliveryClaim:
    """A courier's right to one attempt at a delivery: valid while this is the newest attempt.

    Attributes:
        number: counts all attempts of the delivery from 1; it is the fence.
        host: the host of the URL, with its port if the URL names one.
        started_at: the time of the claim, by the database's clock.
        request_id: the id of the request that submitted the job.
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
    """The outcome of an attempt.

    Attributes:
        status: the receiver's HTTP status; None when there was no response.
        error: a stable code when there is no status, e.g. "timeout".
        seconds: the duration of the attempt.
        retry_after_seconds: the delay that the receiver asked for; None if it asked for none.
    """

    status: int | None
    error: str | None
    seconds: float
    retry_after_seconds: float | None = None

    @property
    def accepted(self) -> bool:
        """True for any 2xx status. A redirect is not followed and counts as a failure."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - HTTP's
