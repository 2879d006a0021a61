"""A job's view as clients get it: loaded and rendered once for all who wait for its end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from anyio import to_thread

from api.core.domain_errors import JobNotFoundError
from api.core.event_stream import frame
from api.jobs.views import JobViews, etag, is_over
from api.resources.credentials import Credential
from api.schemas.jobs import JobView
from api.services import Services
from db.jobs.queries import find_job


@dataclass(frozen=True)
class RenderedJob:
    """A view, and its forms on the wire, each made at its first use.

    Attributes:
        view: the job as clients see it.
        input: its validated input, never to be shown: pictures in it are storage keys. Empty for a
            job that was not loaded by `load_job`.
        surface_request: what the compatible API that it came by has kept of the request; empty
            likewise.
    """

    view: JobView
    input: Mapping[str, Any] = field(default_factory=dict, repr=False)
    surface_request: Mapping[str, Any] = field(default_factory=dict, repr=False)

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

    def done(self, event_id: str) -> bytes:
        """The last event of a stream, with the job."""
        return b"id: " + event_id.encode() + b"\n" + self._done


async def load_job(
    services: Services, views: JobViews, *, tenant_id: str | None, job_id: str
) -> RenderedJob:
    """The job as it is now.

    Args:
        services: the process's services.
        views: renders it.
        tenant_id: the owner that the job must have; None where the id itself grants the access.
        job_id: the job.

    Raises:
        JobNotFoundError: there is no such job, or it belongs to another tenant.
    """

    def load() -> RenderedJob | None:
        with services.database.autocommit() as session:
            row = find_job(session, tenant_id=tenant_id, job_id=job_id)
            if row is None:
                return None
            return RenderedJob(
                views.render(session, [row])[0], row.input, row.surface_request or {}
            )

    job = await to_thread.run_sync(load)
    if job is None:
        raise JobNotFoundError
    return job


async def load_ended_job(
    services: Services,
    views: JobViews,
    *,
    tenant_id: str,
    credential: Credential,
    job_id: str,
    shared: bool,
) -> RenderedJob | None:
    """The job after its end; None when it is not over.

    Args:
        services: the process's services.
        views: renders it.
        tenant_id: its owner.
        credential: the client's, which must still be valid.
        job_id: the job.
        shared: True shares it with all of the tenant's waiters, for a moment. False for whoever
            came after the end: the contents may have been removed, by any process.

    Raises:
        db.tenants.api_keys.InvalidKeyError: the credential is no longer valid.
        db.tenants.tenants.TenantSuspendedError: the tenant is suspended.
        JobNotFoundError: there is no such job, or it belongs to another tenant.
    """

    async def load() -> RenderedJob | None:
        job = await load_job(services, views, tenant_id=tenant_id, job_id=job_id)
        return job if is_over(job.view) else None

    key = (tenant_id, job_id, views.base, views.direct)
    ended: RenderedJob | None = await (services.job_ends.get(key, load) if shared else load())
    # After the load: who is shut out during it gets nothing of what it found.
    await services.credential_checks.require(credential)
    return ended
