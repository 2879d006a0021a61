"""Jobs as the compatible APIs show them: the native view, the input, and the foreign request."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from api.compat.shared.job import ForeignJob
from api.jobs.rendered_job import RenderedJob, load_job
from api.jobs.views import JobViews
from api.services import Services
from db.tables import Job

__all__ = ["ForeignJob", "ForeignJobs", "as_foreign"]


class ForeignJobs:
    """Renders jobs for one request to a compatible API."""

    def __init__(self, services: Services, base: str) -> None:
        self._services = services
        self.views = JobViews(services, base, direct=True)

    @property
    def base(self) -> str:
        """The service's own URL, with which the links begin: of the origin of the request."""
        return self.views.base

    def render(self, session: Session, jobs: Sequence[Job]) -> list[ForeignJob]:
        """The views of rows."""
        views = self.views.render(session, jobs)
        return [
            ForeignJob(view, row.input, row.surface_request or {})
            for view, row in zip(views, jobs, strict=True)
        ]

    async def load(self, *, tenant_id: str | None, job_id: str) -> ForeignJob:
        """The job as it is now.

        Args:
            tenant_id: the owner that the job must have; None where the id itself grants the access.
            job_id: the job.

        Raises:
            api.core.domain_errors.JobNotFoundError: there is no such job, or it belongs to another
                tenant.
        """
        return as_foreign(
            await load_job(self._services, self.views, tenant_id=tenant_id, job_id=job_id)
        )


def as_foreign(job: RenderedJob) -> ForeignJob:
    """A job that a wait has loaded with the views of `ForeignJobs`: it needs no second look."""
    return ForeignJob(job.view, job.input, job.surface_request)
