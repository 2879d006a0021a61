"""Long polls: waits for the end of a job, by `?wait=n` or `Prefer: wait=n`."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext

from api.auth.tenant import Caller
from api.core.event_stream import calling_back
from api.jobs.rendered_job import RenderedJob, load_ended_job, load_job
from api.jobs.views import JobViews, is_over
from api.resources.waiter import CloseReason, Waiter
from api.services import Services

Disconnection = Callable[[], Awaitable[None]]
"""A function whose call returns when the client has gone away."""


async def wait_until_over(
    services: Services,
    views: JobViews,
    caller: Caller,
    *,
    job_id: str,
    seconds: float,
    disconnection: Disconnection,
    is_counted: bool = True,
) -> RenderedJob:
    """The job once it is over, or after `seconds`; holds no thread or connection meanwhile.

    A caller that has counted the wait among the key's long polls before passes `is_counted` False.

    Raises:
        JobNotFoundError: there is no such job, or it belongs to another tenant.
        TooManyStreamsError: the key has as many long polls open as it may.
        db.tenants.api_keys.InvalidKeyError: the key was revoked meanwhile.
        db.tenants.tenants.TenantSuspendedError: the tenant was suspended meanwhile.
    """
    if seconds <= 0:
        return await load_job(services, views, tenant_id=caller.tenant_id, job_id=job_id)
    with services.hub.watch(job_id, caller.credential) as waiter:
        # After the subscription: the end is in the row, or an event of it will come.
        job = await load_job(services, views, tenant_id=caller.tenant_id, job_id=job_id)
        if is_over(job.view):
            return job
        limits = services.waiter_limits
        with limits.long_poll(caller.key_id) if is_counted else nullcontext():
            async with calling_back(disconnection, lambda: waiter.close(CloseReason.DISCONNECTED)):
                ended = await _await_end(services, views, caller, waiter, job_id, seconds)
    if ended is not None:
        return ended
    job = await load_job(services, views, tenant_id=caller.tenant_id, job_id=job_id)
    # After the load: who is shut out during it gets nothing of what it found.
    await services.credential_checks.require(caller.credential)
    return job


async def _await_end(
    services: Services,
    views: JobViews,
    caller: Caller,
    waiter: Waiter,
    job_id: str,
    seconds: float,
) -> RenderedJob | None:
    """The job once it is over; None after the time, or when the wait has ended before it."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    while True:
        await waiter.until_over(ends_at - loop.time())
        if not waiter.is_over or waiter.closed:
            return None
        ended = await load_ended_job(
            services,
            views,
            tenant_id=caller.tenant_id,
            credential=caller.credential,
            job_id=job_id,
            shared=True,
        )
        if ended is not None:
            return ended
        waiter.reopen()
