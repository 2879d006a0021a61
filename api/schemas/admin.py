"""The JSON of `/v1/admin`. Money is in integer micro-USD, durations are in seconds.

Separate models hold the current state, a window that ends now, and today.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictFloat,
    StrictInt,
    StringConstraints,
    model_validator,
)

from api.schemas.jobs import MAX_KEEP_SECONDS, ShortText, UsageSumView
from api.schemas.keys import KeyView
from db.tenants.api_keys import MAX_LIFETIME_SECONDS, MIN_LIFETIME_SECONDS, OperatorRole
from db.tenants.tiers import MIN_KEEP_SECONDS
from db.values.cancel_charge import CancelCharge
from db.values.fair_share import MAX_WEIGHT, MIN_WEIGHT
from db.values.job_state import Priority
from db.values.pricing import MAX_AMOUNT_MICROS
from workers.catalog.validation import InputModel

Name = Annotated[ShortText, StringConstraints(min_length=1, max_length=100)]
_MAX_COUNT = 2**31 - 1
_Models = Annotated[list[Name], Field(max_length=200)]


_Count = Annotated[StrictInt, Field(ge=0, le=_MAX_COUNT)]
_MAX_BYTES = 10**15


class _Request(InputModel):
    model_config = ConfigDict(extra="forbid")


class _FromRow(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class NewTenant(_Request):
    """A tenant to create."""

    name: Name
    tier: Name = "free"


class TenantChange(_Request):
    """Changes of a tenant; omitted fields do not change."""

    tier: Name


class Deletion(_Request):
    """The terms of a tenant's deletion."""

    forfeit_balance: bool = Field(
        default=False, description="Delete it although it has money left, and take that"
    )


class TenantNow(_FromRow):
    """The current state of a tenant."""

    id: str
    name: str
    tier: str
    created_at: datetime
    suspended_at: datetime | None
    deleted_at: datetime | None
    in_flight: int
    stored_bytes: int
    balance_micros: int
    balance_held_micros: int


class TenantRecent(_FromRow):
    """A tenant, and its settled jobs of the last 30 days."""

    id: str
    name: str
    tier: str
    suspended_at: datetime | None
    deleted_at: datetime | None
    in_flight: int
    stored_bytes: int
    balance_micros: int
    held_micros: int
    jobs: int
    spent_micros: int


class TenantList(BaseModel):
    """Tenants, by what they spent in the last `days`, the most first."""

    days: int
    tenants: list[TenantRecent]


class TenantUsage(BaseModel):
    """A tenant's settled jobs of the last `days`, by model and day (UTC)."""

    days: int
    sums: list[UsageSumView]


class Credit(_Request):
    """An amount to add to a balance; a negative one corrects an earlier one."""

    amount_micros: StrictInt = Field(ge=-MAX_AMOUNT_MICROS, le=MAX_AMOUNT_MICROS)
    reason: Name
    reference: Name | None = Field(None, description="Works once; by default the Idempotency-Key")

    @model_validator(mode="after")
    def _is_not_zero(self) -> "Credit":
        if not self.amount_micros:
            raise ValueError("amount_micros must not be 0")
        return self


class Credited(BaseModel):
    """The new balance; `credited` is false for a repetition under the same reference."""

    tenant: str
    credited: bool
    balance_micros: int


_Lifetime = Annotated[
    StrictInt | None,
    Field(
        ge=MIN_LIFETIME_SECONDS,
        le=MAX_LIFETIME_SECONDS,
        description="The time after which the key is refused; null makes one without an end",
    ),
]


class NewKey(_Request):
    """A key to create."""

    name: Annotated[ShortText, StringConstraints(max_length=100)] = ""
    expires_in_seconds: _Lifetime = None


class CreatedKey(KeyView):
    """A new key; `api_key` is shown only in this response."""

    api_key: str


class NewOperator(_Request):
    """An operator's key to create."""

    name: Name
    role: OperatorRole
    expires_in_seconds: _Lifetime = None


class OperatorView(KeyView):
    """An operator's key."""

    role: OperatorRole


class OperatorList(BaseModel):
    """Operators' keys, the oldest first."""

    operators: list[OperatorView]


class CreatedOperator(OperatorView):
    """A new operator's key; `api_key` is shown only in this response."""

    api_key: str


class TierView(_FromRow):
    """Limits, share and monthly allowances of a class of tenants."""

    name: str
    weight: float
    max_in_flight: int
    max_priority: Priority
    images_per_month: int
    analyses_per_month: int
    requests_per_minute: int | None = Field(description="Of each key; null means no limit")
    models: list[str] | None = Field(description="That its tenants may use; null means all")
    allowance_models: list[str] | None = Field(
        description="That the allowances cover; null means all that run on own devices"
    )
    cancel_charge: CancelCharge = Field(
        description="Cost of a job that its owner cancels while it runs"
    )
    max_stored_bytes: int | None = Field(description="Of each tenant; null means no limit")
    keep_seconds: int | None = Field(
        description="The time for which results and contents of jobs are kept; null means that "
        "results are kept for the service's own time, and contents as long as the row"
    )


class TierChange(_Request):
    """Limits to set; omitted ones do not change."""

    keeps_null = True

    weight: StrictFloat = Field(default=1.0, ge=MIN_WEIGHT, le=MAX_WEIGHT, allow_inf_nan=False)
    max_in_flight: _Count = 0
    max_priority: Priority = Priority.NORMAL
    images_per_month: _Count = 0
    analyses_per_month: _Count = 0
    requests_per_minute: StrictInt | None = Field(
        default=None, ge=1, le=_MAX_COUNT, description="Of each key; null sets no limit"
    )
    models: _Models | None = Field(
        default=None, description="That its tenants may use; null means all"
    )
    allowance_models: _Models | None = Field(
        default=None, description="That the allowances cover; null means all on own devices"
    )
    cancel_charge: CancelCharge = CancelCharge.STEPS
    max_stored_bytes: StrictInt | None = Field(
        default=None, ge=1, le=_MAX_BYTES, description="Of each tenant; null sets no limit"
    )
    keep_seconds: StrictInt | None = Field(
        default=None,
        ge=MIN_KEEP_SECONDS,
        le=MAX_KEEP_SECONDS,
        description="The time for which results and contents of jobs are kept; null sets none",
    )


class TierList(BaseModel):
    """Tiers, the smallest share first."""

    tiers: list[TierView]


class QueueNow(BaseModel):
    """The current state of a queue; `drain_seconds` is null without a ready worker."""

    paused: bool
    ready_workers: int
    queued: int
    running: int
    oldest_age_seconds: float | None
    drain_seconds: float | None


class QueueInWindow(_FromRow):
    """Counts of the window; waits and runs are those of the jobs that ended in it."""

    arrived: int
    succeeded: int
    failed: int
    wait_p50: float | None
    wait_p95: float | None
    run_p50: float | None
    run_p95: float | None


class QueueView(BaseModel):
    """One queue."""

    model: str
    now: QueueNow
    window: QueueInWindow


class QueueList(BaseModel):
    """Every queue that is offered, has jobs, or had some in the window."""

    window_seconds: float
    queues: list[QueueView]


class QueueSwitch(BaseModel):
    """The state of a queue; `changed` is false when it was in that state before."""

    model: str
    paused: bool
    changed: bool


class WorkerView(_FromRow):
    """The last report of a worker; `live` is true when its heartbeat is recent.

    `problem` is why it could not start, or cannot serve one of its models, in one sentence.
    """

    id: str
    host: str
    pid: int
    device: str
    variants: list[str]
    state: str
    memory_used_bytes: int
    memory_total_bytes: int
    resident: list[str]
    loading: str | None
    catalogue_digest: str
    loading_stage: str | None = None
    loading_bytes: int | None = None
    loading_total_bytes: int | None = None
    plans: dict[str, Any] = Field(
        description="How each model is served, and the memory that it takes, by its id"
    )
    started_at: datetime
    heartbeat_at: datetime
    drained_at: datetime | None
    problem: str | None
    live: bool = False


class WorkerList(BaseModel):
    """All registered workers, the one that has run longest first."""

    workers: list[WorkerView]


class WorkerSwitch(BaseModel):
    """The state of a worker; `changed` is false when it was in that state before."""

    worker: str
    drained: bool
    changed: bool


class TodayView(_FromRow):
    """Images delivered and revenue charged since midnight, UTC.

    Of hosted models: what their vendor bills for delivered results, and the margin, which is
    charges less that cost. `vendor_held_micros` and `vendor_spent_micros` count against the limit
    of the day: jobs that may still cost, and tasks that the vendor delivered or may bill.
    """

    images: int
    revenue_micros: int
    vendor_micros: int = 0
    hosted_margin_micros: int = 0
    vendor_held_micros: int = 0
    vendor_spent_micros: int = 0
    vendor_limit_micros: int | None = None


class FailureView(BaseModel):
    """The number of jobs that failed for one reason in the window."""

    code: str
    jobs: int


class OverviewView(BaseModel):
    """The whole service; queues and failures are those of the window that ends now."""

    window_seconds: float
    workers_by_state: dict[str, int]
    queues: list[QueueView]
    failures: list[FailureView]
    today: TodayView


class AuditView(_FromRow):
    """One change by an operator, from the audit log."""

    id: int
    at: datetime
    actor: str
    actor_name: str
    action: str
    target: str
    before: dict[str, Any]
    after: dict[str, Any]
    request_id: str


class AuditList(BaseModel):
    """Changes, newest first; `next_before` is the next page's `before_id`."""

    entries: list[AuditView]
    next_before: int | None
