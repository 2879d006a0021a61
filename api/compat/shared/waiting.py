"""Synchronous calls: a request that stays open until its job is over.

A client that leaves cancels a job of our own devices, a moment later: it may be about to send the
same request again, and then rejoins the job.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from api.auth.tenant import Caller
from api.compat.shared.foreign_job import ForeignJob, ForeignJobs, as_foreign
from api.compat.shared.submission import ForeignResult
from api.core.domain_errors import NotInTimeError
from api.core.event_stream import disconnection
from api.core.request_log import LONG_POLL
from api.jobs.actions import leave_job
from api.jobs.event_frames import FollowedJob
from api.jobs.long_poll import wait_until_over
from api.middleware.body_limit import release_body
from api.services import Services

GRACE_SECONDS = 2.0
"""The time for a client that lost its connection to send the request again: clients of OpenAI and
fal begin after half a second."""


async def submit_and_wait(
    request: Request,
    services: Services,
    caller: Caller,
    jobs: ForeignJobs,
    submit: Callable[[], ForeignResult],
) -> ForeignResult:
    """Submit a job and wait for its end.

    Args:
        request: the open request.
        services: the process's services.
        caller: the tenant and key.
        jobs: renders the ended job.
        submit: submits it, in a thread; the request's job counts this request.

    Raises:
        NotInTimeError: it did not end within the longest synchronous wait; it is canceled, unless
            it is hosted.
        api.core.domain_errors.TooManyStreamsError: the key has as many waits open as it may;
            nothing was submitted.
        Exception: as `submit` raises.
    """
    with services.waiter_limits.long_poll(caller.key_id):
        result = await run_in_threadpool(submit)
        request.scope[LONG_POLL] = True
        release_body(request.scope)
        if result.job.is_over:
            return result
        seconds = services.settings.sync_seconds
        async with leaving(services, caller, result.job.view.id):
            ended = await wait_for_end(
                request, services, caller, jobs, job_id=result.job.view.id, seconds=seconds
            )
    return ForeignResult(ended, result.replayed)


async def wait_for_end(
    request: Request,
    services: Services,
    caller: Caller,
    jobs: ForeignJobs,
    *,
    job_id: str,
    seconds: float,
) -> ForeignJob:
    """The job once it is over; the caller has counted the wait among the key's long polls.

    Raises:
        NotInTimeError: it did not end within these seconds, or the client has gone away.
        Exception: as `api.jobs.long_poll.wait_until_over`.
    """
    rendered = await wait_until_over(
        services,
        jobs.views,
        caller,
        job_id=job_id,
        seconds=seconds,
        disconnection=disconnection(request),
        is_counted=False,
    )
    job = as_foreign(rendered)
    if not job.is_over:
        raise NotInTimeError(seconds)
    return job


@asynccontextmanager
async def leaving(services: Services, caller: Caller, job_id: str) -> AsyncIterator[None]:
    """Leave a job when the block ends by an error, the client's departure among them.

    The job is canceled a moment later, unless it is over, hosted, or another request waits for it.
    """
    try:
        yield
    # Not a cancellation: that is this process's end, and no client's.
    except (Exception, GeneratorExit):
        leave_soon(services, caller, job_id)
        raise


def leave_soon(services: Services, caller: Caller, job_id: str) -> None:
    """Leave a job after the time in which a client may send its request again."""
    _departures.add(task := asyncio.create_task(_leave(services, caller, job_id)))
    task.add_done_callback(_departures.discard)


_departures: set[asyncio.Task[None]] = set()
"""The event loop holds its tasks weakly."""


async def _leave(services: Services, caller: Caller, job_id: str) -> None:
    await asyncio.sleep(GRACE_SECONDS)
    await run_in_threadpool(leave_job, services, tenant_id=caller.tenant_id, job_id=job_id)


@asynccontextmanager
async def following(
    services: Services, caller: Caller, jobs: ForeignJobs, job_id: str
) -> AsyncIterator[FollowedJob]:
    """A job whose events are followed; counted among the key's event streams while it is open.

    Raises:
        api.core.domain_errors.JobNotFoundError: there is no such job, or it is another tenant's.
        api.core.domain_errors.TooManyStreamsError: the key has as many open as it may.
    """
    with (
        services.waiter_limits.stream(caller.key_id),
        services.hub.watch(job_id, caller.credential) as waiter,
    ):
        job = await jobs.load(tenant_id=caller.tenant_id, job_id=job_id)
        yield FollowedJob(services, jobs.views, caller, waiter, job.view)
