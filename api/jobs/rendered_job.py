"""A job's view as clients get it: loaded and rendered once for all who wait for its end."""

from dataclasses import dataclass
from functools import cached_property

from anyio import to_thread

from api.core.domain_errors import JobNotFoundError
from api.core.event_stream import frame
from api.jobs.views import JobViews, etag, is_over
from api.resources.credentials import Credential
from api.schemas.jobs import JobView
from api.services import Services


@dataclass(frozen=True)
class RenderedJob:
    """A view, and its forms on the wire, each made at its first use."""

    view: JobView

    @cached_property
    def json(self) -> str:
        """The view as JSON."""
        return self.view.model_dump_json()

    @cached_property
    def etag(self) -> str:
        """The view's validator."""
        return etag(self.view)

    @cached_property
    def _done(self) -> bytes:
        return frame("done", self.json)

    def done(self, event_id: str | None) -> bytes:
        """The last event of a stream, with the job."""
        return self._done if event_id is None else b"id: " + event_id.encode() + b"\n" + self._done


async def load_job(
    services: Services, views: JobViews, *, tenant_id: str, job_id: str
) -> RenderedJob:
    """The job as it is now.

    Raises:
        JobNotFoundError: there is no such job, or it belongs to another tenant.
    """

    def load() -> JobView | None:
        with services.database.autocommit() as session:
            return views.load(session, tenant_id=tenant_id, job_id=job_id)

    view = await to_thread.run_sync(load)
    if view is None:
        raise JobNotFoundError
    return RenderedJob(view)


async def load_ended_job(
    services: Services,
    views: JobViews,
    *,
    tenant_id: str,
    credential: Credential,
    job_id: str,
) -> RenderedJob | None:
    """The job after its end, shared by all of its tenant's waiters; None when it is not over.

    Raises:
        db.tenants.api_keys.InvalidKeyError: the credential is no longer valid.
        db.tenants.tenants.TenantSuspendedError: the tenant is suspended.
        JobNotFoundError: there is no such job, or it belongs to another tenant.
    """

    async def load() -> RenderedJob | None:
        job = await load_job(services, views, tenant_id=tenant_id, job_id=job_id)
        return job if is_over(job.view) else None

    key = (tenant_id, job_id, views.base, views.direct)
    ended: RenderedJob | None = await services.job_ends.get(key, load)
    # After the load: who is shut out during it gets nothing of what it found.
    await services.credential_checks.require(credential)
    return ended
