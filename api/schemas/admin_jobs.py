"""The JSON of jobs under `/v1/admin`: jobs of any tenant, and bulk actions."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from api.schemas.jobs import RequestWarningView
from api.schemas.webhooks import DeliveryView
from db.values.job_state import JobState, Priority
from db.values.surfaces import SurfaceName
from workers.catalog.validation import InputModel


class AdminJobView(BaseModel):
    """A job of any tenant, without its input and output: these are the tenant's own."""

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
    surface: SurfaceName
    warnings: list[RequestWarningView]


class AdminJobList(BaseModel):
    """Jobs, newest first; `next_cursor` or the `Link` header gets the next page."""

    jobs: list[AdminJobView]
    next_cursor: str | None


class Moment(BaseModel):
    """One step of a job's timeline."""

    at: datetime
    what: str
    attempt: int | None = None
    worker: str | None = None


class BillView(BaseModel):
    """The hold of a job, and its settlement or release."""

    source: str
    units: int
    amount_micros: int
    state: Literal["open", "settled", "released"]
    closed_at: datetime | None
    charged_micros: int


class ArtifactView(BaseModel):
    """One stored artifact; after `removed_at` only this row is left."""

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
    """A job with its timeline, artifacts, bill and webhooks."""

    timeline: list[Moment]
    artifacts: list[ArtifactView]
    bill: BillView | None
    deliveries: list[DeliveryView]
    retried_as: str | None


class Canceled(BaseModel):
    """The result of a cancel; `canceled` is false when the job was over."""

    job: str
    canceled: bool


class Retried(BaseModel):
    """The new job that retries the failed one, with a hold of its own."""

    job: str
    retried_as: str


class BulkPreview(BaseModel):
    """The exact number of jobs that an action reaches now; `token` is valid for ten minutes."""

    action: str
    jobs: int
    price_micros: int = Field(description="Sum of the quotes: released, or at most held again")
    token: str


class BulkAct(InputModel):
    """The token of a preview, or of the previous batch."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=8000)
    limit: StrictInt = Field(200, ge=1, le=500, description="Jobs of this batch")


class BulkDone(BaseModel):
    """The result of one batch; `next_token` is null when all is done."""

    action: str
    total: int
    done: int = Field(description="Changed by this batch")
    skipped: int = Field(description="Of this batch: already over, or refused to their tenant")
    left: int
    next_token: str | None
