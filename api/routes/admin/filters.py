"""Query parameters of the search among all tenants' jobs."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.schemas.jobs import ShortText
from api.schemas.timestamps import AwareTimestamp
from db.jobs.search import JobSearch
from db.values.job_state import JobState
from db.values.surfaces import SurfaceName
from workers import catalog

_Pair = Annotated[ShortText, StringConstraints(pattern=r"^[^=]+=")]


class JobSearchQuery(BaseModel):
    """Conditions that a job must meet; without any, every job matches."""

    model_config = ConfigDict(extra="forbid")

    state: JobState | None = None
    model: ShortText | None = None
    tenant: ShortText | None = None
    error_code: ShortText | None = None
    surface: SurfaceName | None = Field(None, description="The API that the job came by")
    created_after: AwareTimestamp | None = None
    created_before: AwareTimestamp | None = None
    metadata: list[_Pair] = Field(
        default_factory=list, max_length=8, description="`name=value`; all must match"
    )

    def search(self) -> JobSearch:
        """The same conditions for the database."""
        pairs = {name: value for name, _, value in (pair.partition("=") for pair in self.metadata)}
        return JobSearch(
            state=self.state,
            variant=catalog.id_of(self.model) if self.model else None,
            tenant_id=self.tenant,
            error_code=self.error_code,
            created_after=self.created_after,
            created_before=self.created_before,
            metadata=pairs or None,
            surface=self.surface,
        )


class JobPageQuery(JobSearchQuery):
    """Conditions and page of the list."""

    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, max_length=100, description="`next_cursor` of the last page")
