"""Values of webhooks: events, a job's webhook, a claimed delivery and the outcome of an attempt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from db.values.surfaces import SurfaceName


class WebhookEvent(StrEnum):
    """The events that receivers of the service's own form can subscribe to: the ends of a job."""

    SUCCEEDED = "job.succeeded"
    FAILED = "job.failed"
    CANCELED = "job.canceled"
    EXPIRED = "job.expired"


class ProgressEvent(StrEnum):
    """The events before a job's end, which only receivers of compatible APIs can subscribe to.

    `OUTPUT` comes with the end of a job that succeeds, and shows it as running still. `LOGS` tells
    a step; a delivery's event has its number, as in "job.logs.2".
    """

    STARTED = "job.started"
    OUTPUT = "job.output"
    LOGS = "job.logs"


@dataclass(frozen=True)
class Webhook:
    """A job's webhook: the receiver and the events that it subscribes to.

    Attributes:
        url: the URL that gets the POST.
        events: the events that are sent.
        base_url: the public URL of the service, for the URLs in the payload; may be empty in the
            service's own form.
        surface: the API in whose form the payload and its signature are.
        secret: a secret that the request gave for the signature; empty if none.
    """

    url: str
    events: tuple[WebhookEvent | ProgressEvent, ...] = tuple(WebhookEvent)
    base_url: str = ""
    surface: SurfaceName = SurfaceName.NATIVE
    secret: str = field(default="", repr=False)

    @property
    def is_foreign(self) -> bool:
        """True when the payload has the form of a compatible API."""
        return self.surface != SurfaceName.NATIVE

    def as_json(self) -> dict[str, Any]:
        """The value of the job's column."""
        own = {"url": self.url, "events": list(self.events), "base_url": self.base_url}
        foreign = {"surface": str(self.surface)} if self.is_foreign else {}
        return own | foreign | ({"secret": self.secret} if self.secret else {})

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Restore a webhook from the output of `as_json`."""
        return cls(
            value["url"],
            tuple(map(_event, value["events"])),
            value["base_url"],
            SurfaceName(value.get("surface", SurfaceName.NATIVE)),
            value.get("secret", ""),
        )


def _event(name: str) -> WebhookEvent | ProgressEvent:
    return ProgressEvent(name) if name in set(ProgressEvent) else WebhookEvent(name)


@dataclass(frozen=True)
class ForeignFacts:
    """Facts for a payload in a compatible API's form, beside the service's own payload.

    Attributes:
        surface: the API.
        base_url: the service's own URL, with which the payload's URLs begin.
        secret: a secret that the request gave for the signature; empty if none.
        input: the job's validated input; empty once its contents were removed.
        request: what the API kept of the request; empty with the same.
        warnings: what was not honoured in the request, as in the job's column.
    """

    surface: SurfaceName
    base_url: str
    secret: str = field(repr=False)
    input: Mapping[str, Any] = field(repr=False)
    request: Mapping[str, Any] = field(repr=False)
    warnings: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True)
class DeliveryClaim:
    """A courier's right to one attempt at a delivery: valid while this is the newest attempt.

    Attributes:
        number: counts all attempts of the delivery from 1; it is the fence.
        host: the host of the URL, with its port if the URL names one.
        started_at: the time of the claim, by the database's clock.
        request_id: the id of the request that submitted the job.
        foreign: what the form of a compatible API needs; None for the service's own form.
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
    foreign: ForeignFacts | None = None


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
