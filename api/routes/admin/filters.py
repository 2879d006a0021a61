"""Query parameters of the search among all tenants' jobs."""

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.jobs import ShortText
from api.schemas.metadata_filter import MetadataPairs, metadata_of
from api.schemas.timestamps import AwareTimestamp
from db.jobs.search import JobSearch
from db.values.job_state import JobState
from db.values.surfaces import SurfaceName
from workers import catalog


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
    metadata: MetadataPairs = Field(default_factory=list)

    def search(self) -> JobSearch:
        """The same conditions for the database."""
        return JobSearch(
            state=self.state,
            variant=catalog.id_of(self.model) if self.model else None,
            tenant_id=self.tenant,
            error_code=self.error_code,
            created_after=self.created_after,
            created_before=self.created_before,
            metadata=metadata_of(self.metadata) or None,
            surface=self.surface,
        )


class JobPageQuery(JobSearchQuery):
    """Conditions and page of the list."""

    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, max_length=100, description="`next_cursor` of the last page")
