"""How long a client is willing to wait: `?wait=n`, or `Prefer: wait=n` (RFC 7240)."""

import re

from fastapi.concurrency import run_in_threadpool

from api.core.errors import ProblemError, not_found
from api.jobs.views import JobViews, is_over
from api.schemas.jobs import JobView
from api.services import Services

_PREFER = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?", re.IGNORECASE)


def preferred_wait(prefer: str | None, *, longest: float) -> float:
    """Seconds that a `Prefer` header asks to wait, at most `longest`; 0 when it does not ask."""
    found = _PREFER.search(prefer or "")
    return min(float(found[1]), longest) if found else 0.0


async def load_view(services: Services, views: JobViews, *, tenant_id: str, job_id: str) -> JobView:
    """The job now.

    Raises:
        ProblemError: it is not this tenant's.
    """

    def load() -> JobView | None:
        with services.database.single_statements() as session:
            return views.load(session, tenant_id=tenant_id, job_id=job_id)

    view = await run_in_threadpool(load)
    if view is None:
        raise job_not_found()
    return view


async def wait_until_over(
    services: Services, views: JobViews, *, tenant_id: str, job_id: str, seconds: float
) -> JobView:
    """The job once it is over, or as it is when the time is; holds nothing meanwhile."""
    view = await load_view(services, views, tenant_id=tenant_id, job_id=job_id)
    if seconds <= 0 or is_over(view):
        return view
    await services.hub.finished(
        job_id,
        timeout_seconds=seconds,
        is_over=lambda: _is_over_now(services, views, tenant_id, job_id),
    )
    return await load_view(services, views, tenant_id=tenant_id, job_id=job_id)


async def _is_over_now(services: Services, views: JobViews, tenant_id: str, job_id: str) -> bool:
    return is_over(await load_view(services, views, tenant_id=tenant_id, job_id=job_id))


def job_not_found() -> ProblemError:
    """404, in the same words whether it never was or is another tenant's."""
    return not_found("job")
