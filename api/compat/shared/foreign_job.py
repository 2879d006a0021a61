"""Jobs as the compatible APIs show them: the native view, the input, and the foreign request."""

from collections.abc import Sequence

from anyio import to_thread
from sqlalchemy.orm import Session

from api.compat.shared.job import ForeignJob
from api.core.domain_errors import JobNotFoundError
from api.jobs.views import JobViews
from api.services import Services
from db.jobs.queries import find_job
from db.tables import Job

__all__ = ["ForeignJob", "ForeignJobs"]


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
            JobNotFoundError: there is no such job, or it belongs to another tenant.
        """

        def load() -> ForeignJob | None:
            with self._services.database.autocommit() as session:
                row = find_job(session, tenant_id=tenant_id, job_id=job_id)
                return None if row is None else self.render(session, [row])[0]

        found = await to_thread.run_sync(load)
        if found is None:
            raise JobNotFoundError
        return found
