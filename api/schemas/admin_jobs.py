"""The JSON of jobs under `/v1/admin`: of any tenant, and many at once."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.webhooks import DeliveryView
from db.values.job_state import JobState, Priority


class AdminJobView(BaseModel):
    """A job of any tenant, without its input and output, which are the tenant's."""

    id: str
    tenant: str
    tenant_name: str
    model: str
    state: JobState
    priority: Priority
    attempt: int
    worker: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    price_micros: int
    covered_by: str
    error_code: str | None
    error_message: str | None
    metadata: dict[str, Any]


class AdminJobList(BaseModel):
    """Jobs, newest first; `next_cursor` continues, as does the `Link` header."""

    jobs: list[AdminJobView]
    next_cursor: str | None


class Moment(BaseModel):
    """One step of a job's life."""

    at: datetime
    what: str
    attempt: int | None = None
    worker: str | None = None


class BillView(BaseModel):
    """What was set aside for a job, and what became of it."""

    source: str
    units: int
    amount_micros: int
    state: Literal["open", "settled", "released"]
    closed_at: datetime | None
    charged_micros: int


class ArtifactView(BaseModel):
    """One stored result; `removed_at`: only this row is left of it."""

    model_config = ConfigDict(from_attributes=True)

    n: int
    kind: str
    media_type: str
    bytes: int
    width: int
    height: int
    created_at: datetime
    removed_at: datetime | None


class JobDetail(AdminJobView):
    """A job with its whole story."""

    timeline: list[Moment]
    artifacts: list[ArtifactView]
    bill: BillView | None
    deliveries: list[DeliveryView]
    retried_as: str | None


class Canceled(BaseModel):
    """Whether the job was canceled by this; false when it was over."""

    job: str
    canceled: bool


class Retried(BaseModel):
    """The new job that does the failed one again, with a hold of its own."""

    job: str
    retried_as: str


class BulkPreview(BaseModel):
    """Exactly what an action would reach now; `token` lets it happen within ten minutes."""

    action: str
    jobs: int
    price_micros: int = Field(description="Sum of the quotes: given up, or set aside anew at most")
    token: str


class BulkAct(BaseModel):
    """The token of a preview, or of the batch before."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=8000)
    limit: int = Field(200, ge=1, le=500, description="Jobs of this batch")


class BulkDone(BaseModel):
    """One batch; `next_token` continues, null when all is done."""

    action: str
    total: int
    done: int = Field(description="Changed by this batch")
    skipped: int = Field(description="Of this batch: over by then, or refused to their tenant")
    left: int
    next_token: str | None
