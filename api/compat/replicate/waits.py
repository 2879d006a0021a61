"""The waits that headers of a prediction ask for: `Prefer: wait=n`, and `Cancel-After`."""

import asyncio
import re
from contextlib import suppress

from fastapi import Request

from api.auth.tenant import Caller
from api.compat.shared.foreign_job import ForeignJob, ForeignJobs, as_foreign
from api.core.domain_errors import InvalidSubmissionError, TooManyStreamsError
from api.core.event_stream import disconnection
from api.core.protocol.preferences import preferred_wait
from api.jobs.long_poll import wait_until_over
from api.services import Services

CANCEL_AFTER = "Cancel-After"

_USUAL_SECONDS = 60.0
_MARGIN_SECONDS = 0.3
"""Clients stop reading half a second after the time that they ask for."""

_DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s?)?")
_SHORTEST_SECONDS, _LONGEST_SECONDS = 1, 7 * 86_400


def preferred_seconds(request: Request) -> float:
    """The seconds that a request prefers to wait: 60 for `wait` alone, 0 without one."""
    return preferred_wait(request.headers.getlist("prefer"), longest=_USUAL_SECONDS)


def seconds_of(cancel_after: str) -> float:
    """The seconds of a `Cancel-After` header, such as "90", "90s" or "1h30m".

    Raises:
        InvalidSubmissionError: it is none, or longer than a week.
    """
    match = _DURATION.fullmatch(cancel_after.strip().lower())
    hours, minutes, seconds = (int(each or 0) for each in match.groups()) if match else (0, 0, 0)
    total = hours * 3600 + minutes * 60 + seconds
    if not _SHORTEST_SECONDS <= total <= _LONGEST_SECONDS:
        message = f"must be from {_SHORTEST_SECONDS} s to {_LONGEST_SECONDS} s, such as 90, 5m, 1h"
        raise InvalidSubmissionError.of_field((CANCEL_AFTER,), message)
    return float(total)


async def wait_for_end(
    request: Request,
    services: Services,
    caller: Caller,
    jobs: ForeignJobs,
    job: ForeignJob,
    ends_at: float,
) -> ForeignJob:
    """The job once it is over, or as it is at the time, by the event loop's clock.

    A preference, and no demand: a key with too many waits open gets the job at once. A client that
    leaves cancels nothing.

    Args:
        request: the open request.
        services: the process's services.
        caller: the tenant and key.
        jobs: renders the job.
        job: the submitted job.
        ends_at: when the client expects the answer.
    """
    seconds = ends_at - asyncio.get_running_loop().time() - _MARGIN_SECONDS
    if job.is_over or seconds <= 0:
        return job
    with suppress(TooManyStreamsError):
        waited = await wait_until_over(
            services,
            jobs.views,
            caller,
            job_id=job.view.id,
            seconds=min(seconds, services.settings.max_wait_seconds),
            disconnection=disconnection(request),
        )
        return as_foreign(waited)
    return await jobs.load(tenant_id=caller.tenant_id, job_id=job.view.id)
