"""Long polls: `?wait=n`, or `Prefer: wait=n` (RFC 7240)."""

import re

from anyio import to_thread

from api.core.domain_errors import JobNotFoundError
from api.jobs.views import JobViews, is_over
from api.schemas.jobs import JobView
from api.services import Services

_PREFER = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?", re.IGNORECASE)


def preferred_wait(prefer: str | None, *, longest: float) -> float:
    """Seconds to wait by a `Prefer` header, at most `longest`; 0 without a `wait` in it."""
    match = _PREFER.search(prefer or "")
    return min(float(match[1]), longest) if match else 0.0


async def load_view(services: Services, views: JobViews, *, tenant_id: str, job_id: str) -> JobView:
    """The job's current view.

    Raises:
        JobNotFoundError: there is no such job, or it belongs to another tenant.
    """

    def load() -> JobView | None:
        with services.database.autocommit() as session:
            return views.load(session, tenant_id=tenant_id, job_id=job_id)

    view = await to_thread.run_sync(load)
    if view is None:
        raise JobNotFoundError
    return view


async def wait_until_over(
    services: Services, views: JobViews, *, tenant_id: str, job_id: str, seconds: float
) -> JobView:
    """The job's view once it is over, or after `seconds`; holds no thread or connection meanwhile.

    Raises:
        JobNotFoundError: there is no such job, or it belongs to another tenant.
    """
    view = await load_view(services, views, tenant_id=tenant_id, job_id=job_id)
    if seconds <= 0 or is_over(view):
        return view
    await services.hub.wait_until_finished(
        job_id,
        timeout_seconds=seconds,
        is_over=lambda: _is_over_now(services, views, tenant_id, job_id),
    )
    return await load_view(services, views, tenant_id=tenant_id, job_id=job_id)


async def _is_over_now(services: Services, views: JobViews, tenant_id: str, job_id: str) -> bool:
    return is_over(await load_view(services, views, tenant_id=tenant_id, job_id=job_id))
