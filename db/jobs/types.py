"""What goes into and comes out of a job's changes: plain values, and why one may be refused."""

from dataclasses import dataclass, field
from typing import Any

from db.core.base import new_id
from db.tables import Job
from db.values.artifact_kinds import ArtifactKind
from db.values.job_state import Priority
from db.values.pricing import UnitKind
from db.webhooks.types import Webhook


class TooManyInFlightError(Exception):
    """The tenant has as many unfinished jobs as its tier allows."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} jobs are queued or running, as many as your tier allows")
        self.limit = limit


class PriorityNotAllowedError(Exception):
    """The tenant's tier does not include this priority."""

    def __init__(self, priority: Priority, highest: Priority) -> None:
        super().__init__(f"priority {priority} needs a higher tier; yours goes up to {highest}")


@dataclass(frozen=True)
class NewJob:
    """A validated commission, before it has a row.

    Attributes:
        input: self-contained parameters; pictures are references to stored objects.
        cost_seconds: estimated device-seconds, for the fair share.
        batch_limit: most jobs with this `batch_key` in one call of the model.
        expires_in_seconds: give up when no worker has claimed it by then; None never does.
        webhook: whom to tell of the end.
        api_key_id: the key that it was sent with; it must not have been revoked.
        request_id: of the request that it came by, for the logs.
    """

    tenant_id: str
    variant: str
    input: dict[str, Any]
    priority: Priority
    batch_key: str
    batch_limit: int
    cost_seconds: float
    deadline_seconds: float
    unit_kind: UnitKind
    units: int
    price_micros: int
    expires_in_seconds: float | None
    metadata: dict[str, Any]
    max_attempts: int = 3
    webhook: Webhook | None = None
    api_key_id: str | None = None
    request_id: str | None = None
    id: str = field(default_factory=lambda: new_id("job"))


@dataclass(frozen=True)
class Accepted:
    """A job that was submitted, and what its ticket tells of its tenant.

    Attributes:
        tier: the tier's name.
        quota_left: what is left of the allowance that the job draws on; None when the balance pays.
    """

    job: Job
    tier: str
    quota_left: int | None


@dataclass(frozen=True)
class NewArtifact:
    """A result that is already in the store, ready to be entered with the completion.

    Attributes:
        width: pixels of the picture that it is, or that it is about; `height` likewise.
        seed: what paints it again, if it was painted.
        about: what a client is told of it beside its kind, as JSON.
    """

    key: str
    media_type: str
    size_bytes: int
    sha256: str
    width: int
    height: int
    seed: int | None
    kind: ArtifactKind = ArtifactKind.IMAGE
    about: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What an attempt came to, once all of it is in the store.

    Attributes:
        output: what is not a picture, as JSON.
        artifacts: what was stored, in order.
        steps: how many steps the model took.
        run_seconds: time on the device.
        store_seconds: time to encode and upload.
    """

    output: dict[str, Any] | None
    artifacts: tuple[NewArtifact, ...]
    steps: int
    run_seconds: float
    store_seconds: float


@dataclass(frozen=True)
class Claim:
    """A worker's right to one attempt: valid while the job runs under this number."""

    job_id: str
    attempt: int


@dataclass(frozen=True)
class Claimed:
    """What a claim brought: jobs that may run together, and whether others could be claimed now."""

    jobs: tuple[Job, ...] = ()
    more: bool = False


@dataclass(frozen=True)
class SuspectAtHead:
    """Nothing was claimed: the fairest queued job has lost its last worker.

    A job is suspect until an attempt at it ends otherwise. The claimer asks again, for suspects
    too, once nothing else is in its hands.
    """


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed: a stable code, a sentence for the owner, and whether to try again."""

    code: str
    message: str
    retryable: bool
