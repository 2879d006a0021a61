"""Values that changes of jobs take and return, and the errors of a refused submission."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from db.core.base import new_id
from db.tables import Job
from db.values.artifact_kinds import ArtifactKind
from db.values.job_state import Priority
from db.values.pricing import UnitKind
from db.values.surfaces import SurfaceName
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


class ModelNotInTierError(Exception):
    """The tenant's tier does not include this model."""

    def __init__(self, variant: str, tier: str, included: Sequence[str]) -> None:
        names = ", ".join(included) or "no model"
        super().__init__(f"tier {tier} does not include {variant}; it includes {names}")


@dataclass(frozen=True)
class RequestWarning:
    """Something in a request that is not honoured, though the job runs.

    Attributes:
        code: a stable word, such as "parameter_ignored".
        parameter: the field as the client named it.
        message: a sentence for the owner of the job.
    """

    code: str
    parameter: str
    message: str

    def as_json(self) -> dict[str, Any]:
        """The entry of the job's column."""
        return {"code": self.code, "parameter": self.parameter, "message": self.message}


@dataclass(frozen=True)
class Origin:
    """The API that a job comes by, and what that API wants to know of it later.

    Attributes:
        surface: the API.
        request: what the API needs to show the job again, as JSON; None for nothing.
        warnings: what in the request is not honoured.
        digest: the hash by which a request that is sent again is recognised; None for none.
        is_synchronous: true when the request stays open until the job's end.
        webhook: the webhook in the API's own form; None for the one of the submission, if any.
        rejoins: false for a request that its client sends for the first time: an unfinished job
            with the same digest is another request's, and the new one goes without.
        names: the API's own names of native parameters, for warnings.
        arrived_at: the time of the request's arrival, by `time.monotonic`; None for a request that
            is a retry whenever it came.
    """

    surface: SurfaceName = SurfaceName.NATIVE
    request: dict[str, Any] | None = None
    warnings: tuple[RequestWarning, ...] = ()
    digest: bytes | None = None
    is_synchronous: bool = False
    webhook: Webhook | None = None
    rejoins: bool = True
    names: Mapping[str, str] = field(default_factory=dict)
    arrived_at: float | None = None


NATIVE = Origin()
"""The service's own API, which drops nothing and recognises retries by their key."""


@dataclass(frozen=True)
class NewJob:
    """A validated submission, before it has a row.

    Attributes:
        input: self-contained parameters; pictures are references to stored objects.
        cost_seconds: estimated device-seconds, for the fair share.
        batch_limit: most jobs with this `batch_key` in one call of the model.
        deadline_seconds: the longest that one attempt may run.
        price_micros: the quote in micro-USD.
        expires_in_seconds: expire the job if no worker has claimed it by then; None never.
        webhook: the receiver of a notification of the end; None for none.
        api_key_id: the API key of the request, which must not have been revoked; None skips the
            check.
        request_id: the id of the request, for the logs.
        vendor_micros: the cost of one task at the vendor in micro-USD; None for a model that runs
            on own devices.
        vendor_limit_micros: the most that a day may cost at the vendor; None for no limit.
        keep_seconds: the time after its end for which its results and contents are kept; None for
            that of its tier. It is never longer than that.
        keep_limit_seconds: the longest `keep_seconds` where the tier has no limit; None skips the
            check, also of the tier's.
        origin: the API that it comes by.
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
    vendor_micros: int | None = None
    vendor_limit_micros: int | None = None
    keep_seconds: int | None = None
    keep_limit_seconds: float | None = None
    origin: Origin = NATIVE
    id: str = field(default_factory=lambda: new_id("job"))

    @property
    def is_hosted(self) -> bool:
        """True for a model that a vendor runs."""
        return self.vendor_micros is not None


@dataclass(frozen=True)
class AcceptedJob:
    """A submitted job, and the facts about its tenant that its ticket carries.

    Attributes:
        tier: the tier's name.
        quota_left: units left of the allowance that the job draws on; None when the balance pays.
    """

    job: Job
    tier: str
    quota_left: int | None


@dataclass(frozen=True)
class NewArtifact:
    """A result that is already in the store; the completion inserts its row.

    Attributes:
        width: pixels of the picture that it is, or that it describes; `height` likewise.
        seed: the seed that paints it again; None if it was not painted.
        about: further facts for the client, as JSON.
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
    """The result of an attempt, once all its files are in the store.

    Attributes:
        output: the result apart from stored artifacts, as JSON.
        artifacts: the stored artifacts, in order.
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
class ClaimedJobs:
    """Claimed jobs, which may run together; `more` is True when others are claimable now."""

    jobs: tuple[Job, ...] = ()
    more: bool = False


@dataclass(frozen=True)
class SuspectAtHead:
    """Nothing was claimed: the last attempt at the fairest queued job lost its worker.

    A job is suspect until an attempt at it ends in another way. The worker claims again,
    including suspects, once it runs nothing else.
    """


@dataclass(frozen=True)
class Failure:
    """The reason of a failure: a stable code, and a sentence for the owner; `retryable` or not."""

    code: str
    message: str
    retryable: bool
