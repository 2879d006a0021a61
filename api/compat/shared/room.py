"""Submissions beyond a tenant's limit of unfinished jobs: they wait for room for a moment.

Some clients send a refused request again at once, several times: a short wait here costs less than
their haste, and most bursts end within it.
"""

import asyncio
from collections.abc import Callable

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from api.auth.tenant import Caller
from api.compat.shared.submission import ForeignResult
from api.core.domain_errors import TooManyStreamsError
from api.core.event_stream import calling_back, disconnection
from api.services import Services
from db.jobs.types import TooManyInFlightError
from db.tenants import tenants

ROOM_SECONDS = 10.0
"""The longest wait for room."""

_PAUSES = (0.1, 0.2, 0.4, 0.8)
"""Seconds between two looks; the last one repeats."""


async def submit_when_room(
    request: Request, services: Services, caller: Caller, submit: Callable[[], ForeignResult]
) -> ForeignResult:
    """Submit a job; where the tenant has as many unfinished ones as it may, wait for room.

    The wait counts among the key's long polls, and ends when the client goes away.

    Args:
        request: the open request.
        services: the process's services.
        caller: the tenant and key.
        submit: submits the job; called in a thread, again after each sight of room.

    Raises:
        db.jobs.types.TooManyInFlightError: there was no room in time, or the key has as many long
            polls open as it may.
        Exception: as `submit` raises.
    """
    try:
        return await run_in_threadpool(submit)
    except TooManyInFlightError as error:
        refusal = error
    try:
        with services.waiter_limits.long_poll(caller.key_id):
            return await _retry(request, services, caller, submit, refusal)
    except TooManyStreamsError:
        raise refusal from None


async def _retry(
    request: Request,
    services: Services,
    caller: Caller,
    submit: Callable[[], ForeignResult],
    refusal: TooManyInFlightError,
) -> ForeignResult:
    left = asyncio.Event()
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + ROOM_SECONDS
    pauses = iter(_PAUSES)
    async with calling_back(disconnection(request), left.set):
        while not left.is_set() and (remaining := ends_at - loop.time()) > 0:
            await _pause(left, min(next(pauses, _PAUSES[-1]), remaining))
            if not await run_in_threadpool(_has_room, services, caller.tenant_id):
                continue
            try:
                return await run_in_threadpool(submit)
            except TooManyInFlightError as error:
                refusal = error
    raise refusal


async def _pause(left: asyncio.Event, seconds: float) -> None:
    """Wait, unless the client leaves."""
    try:
        async with asyncio.timeout(seconds):
            await left.wait()
    except TimeoutError:
        return


def _has_room(services: Services, tenant_id: str) -> bool:
    with services.database.autocommit() as session:
        return tenants.has_room_in_flight(session, tenant_id)
