"""Jobs as the compatible APIs show them: the native view, the input, and the foreign request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anyio import to_thread
from sqlalchemy.orm import Session

from api.core.domain_errors import JobNotFoundError
from api.jobs.views import JobViews, is_over
from api.schemas.jobs import JobView
from api.services import Services
from db.jobs.queries import find_job
from db.tables import Job
from db.values.surfaces import SurfaceName

Json = dict[str, Any]


@dataclass(frozen=True)
class ForeignJob:
    """A job for any surface, whichever one it came by.

    Attributes:
        view: the job as the service's own API shows it, with direct URLs of its pictures.
        input: its validated input; pictures in it are storage keys, never to be shown.
        request: what the surface kept that it came by; empty if none.
    """

    view: JobView
    input: Mapping[str, Any]
    request: Mapping[str, Any]

    def request_by(self, surface: SurfaceName) -> Mapping[str, Any]:
        """What a surface has kept of the request; empty for a job that came by another one."""
        return self.request if self.view.surface == surface else {}

    @property
    def is_over(self) -> bool:
        """True in a terminal state."""
        return is_over(self.view)

    @property
    def images(self) -> Sequence[Json]:
        """The painted pictures: `url`, `width`, `height`, `media_type`, `bytes`, `seed`."""
        found: Sequence[Json] = (self.view.output or {}).get("images", ())
        return found

    @property
    def artifacts(self) -> Sequence[Json]:
        """The other stored results: masks, overlays, COCO files, with their `kind`."""
        found: Sequence[Json] = (self.view.output or {}).get("artifacts", ())
        return found

    @property
    def prompt(self) -> str:
        """The prompt; empty where there is none, or the contents were removed."""
        return str(self.input.get("prompt") or "")

    @property
    def seed(self) -> int | None:
        """The seed of the first picture."""
        seed: int | None = self.input.get("seed")
        return seed


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
