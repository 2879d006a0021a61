"""The JSON of `/v1/admin`. Money in integer micro-USD, durations in seconds.

What is of now, of a window that ends now, and of today stands in models of its own.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from api.schemas.jobs import ShortText, UsageSumView
from db.tenants.api_keys import OperatorRole
from db.values.job_state import Priority

Name = Annotated[ShortText, StringConstraints(min_length=1, max_length=100)]
_MOST_MICROS = 10**15  # a billion dollars
_MOST_COUNT = 2**31 - 1


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _FromRow(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class NewTenant(_Sent):
    """A tenant to be added."""

    name: Name
    tier: Name = "free"


class TenantChange(_Sent):
    """What is to be another way; what is left out stays."""

    tier: Name


class TenantNow(_FromRow):
    """A tenant as it stands."""

    id: str
    name: str
    tier: str
    created_at: datetime
    suspended_at: datetime | None
    in_flight: int
    balance_micros: int
    balance_held_micros: int


class TenantRecent(_FromRow):
    """A tenant, and what was settled for it in the last 30 days."""

    id: str
    name: str
    tier: str
    suspended_at: datetime | None
    in_flight: int
    balance_micros: int
    held_micros: int
    jobs: int
    spent_micros: int


class TenantList(BaseModel):
    """Tenants, who spent most in the last `days` first."""

    days: int
    tenants: list[TenantRecent]


class TenantUsage(BaseModel):
    """What was settled for a tenant in the last `days`, by model and day (UTC)."""

    days: int
    sums: list[UsageSumView]


class Credit(_Sent):
    """An amount for a balance; negative corrects an earlier one."""

    amount_micros: int = Field(ge=-_MOST_MICROS, le=_MOST_MICROS)
    reason: Name
    reference: Name | None = Field(None, description="Works once; the Idempotency-Key unless said")

    @model_validator(mode="after")
    def _moves_something(self) -> "Credit":
        if not self.amount_micros:
            raise ValueError("amount_micros must not be 0")
        return self


class Credited(BaseModel):
    """The balance after it; `credited` false when the reference had been used for the same."""

    tenant: str
    credited: bool
    balance_micros: int


class NewKey(_Sent):
    """A key to be made."""

    name: Annotated[ShortText, StringConstraints(max_length=100)] = ""


class KeyView(BaseModel):
    """A key without its secret; `prefix` is how it begins."""

    id: str
    prefix: str
    name: str
    created_at: datetime
    revoked_at: datetime | None


class KeyList(BaseModel):
    """A tenant's keys, oldest first."""

    keys: list[KeyView]


class CreatedKey(KeyView):
    """A new key; `api_key` is shown this once."""

    api_key: str


class NewOperator(_Sent):
    """An operator's key to be made."""

    name: Name
    role: OperatorRole


class OperatorView(KeyView):
    """An operator's key."""

    role: OperatorRole


class OperatorList(BaseModel):
    """Operators' keys, the first one first."""

    operators: list[OperatorView]


class CreatedOperator(OperatorView):
    """A new operator's key; `api_key` is shown this once."""

    api_key: str


class TierView(_FromRow):
    """Limits, share and monthly allowances of a class of tenants."""

    name: str
    weight: float
    max_in_flight: int
    max_priority: Priority
    images_per_month: int
    analyses_per_month: int
    requests_per_minute: int | None = Field(description="Of each key; null is no limit")


class TierChange(_Sent):
    """Limits to be set; what is left out stays."""

    weight: float = Field(default=1.0, gt=0, le=1_000_000, allow_inf_nan=False)
    max_in_flight: int = Field(default=0, ge=0, le=_MOST_COUNT)
    max_priority: Priority = Priority.NORMAL
    images_per_month: int = Field(default=0, ge=0, le=_MOST_COUNT)
    analyses_per_month: int = Field(default=0, ge=0, le=_MOST_COUNT)
    requests_per_minute: int | None = Field(
        default=None, ge=1, le=_MOST_COUNT, description="Of each key; null sets no limit"
    )


class TierList(BaseModel):
    """Tiers, the smallest share first."""

    tiers: list[TierView]


class QueueNow(BaseModel):
    """A queue as it stands; `drain_seconds` null while nobody works at it."""

    paused: bool
    ready_workers: int
    queued: int
    running: int
    oldest_age_seconds: float | None
    drain_seconds: float | None


class QueueInWindow(_FromRow):
    """What came and went within the window; waits and runs are of the jobs that ended in it."""

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
    """Every queue that is offered, has work, or had some within the window."""

    window_seconds: float
    queues: list[QueueView]


class QueueSwitch(BaseModel):
    """Whether a queue is paused now, and whether that is new."""

    model: str
    paused: bool
    changed: bool


class WorkerView(_FromRow):
    """A worker as it last reported; `live` says whether that was just now."""

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
    started_at: datetime
    heartbeat_at: datetime
    drained_at: datetime | None
    live: bool = False


class WorkerList(BaseModel):
    """Every registered worker, the one that has been up for longest first."""

    workers: list[WorkerView]


class WorkerSwitch(BaseModel):
    """Whether a worker is drained now, and whether that is new."""

    worker: str
    drained: bool
    changed: bool


class TodayView(_FromRow):
    """What was delivered and charged since midnight, UTC."""

    images: int
    revenue_micros: int


class FailureView(BaseModel):
    """How many jobs failed for one reason within the window."""

    code: str
    jobs: int


class OverviewView(BaseModel):
    """The whole service; queues and failures are of the window that ends now."""

    window_seconds: float
    workers_by_state: dict[str, int]
    queues: list[QueueView]
    failures: list[FailureView]
    today: TodayView


class AuditView(_FromRow):
    """One change by an operator."""

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
