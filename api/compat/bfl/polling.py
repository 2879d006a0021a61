"""Polls of a task, with or without a key: clients ask in a loop, some without a pause."""

from contextlib import suppress
from datetime import UTC, datetime

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from api.auth.tenant import Caller
from api.compat.shared.foreign_job import ForeignJob, ForeignJobs
from api.core.client_address import client_address, client_network
from api.core.domain_errors import JobNotFoundError, TooManyStreamsError
from api.core.event_stream import calling_back, disconnection
from api.core.request_key import find_key
from api.resources.credentials import Credential
from api.resources.waiter import CloseReason
from api.services import Services
from db.tenants.api_keys import InvalidKeyError
from db.tenants.tenants import TenantSuspendedError
from db.values.surfaces import SurfaceName

HOLD_SECONDS = 0.5
"""The longest time that a poll of an unfinished task waits for its end."""

ANONYMOUS_HOLD_SECONDS = 1.0
"""The same without a key: such calls are counted by address, where many clients may be behind."""


async def poller(request: Request, services: Services) -> Caller | None:
    """The tenant and key of a poll; None without a key, or with one that is not valid."""
    if (key := find_key(request.headers)) is None:
        return None
    try:
        identity = await run_in_threadpool(services.key_cache.identify, key)
    except (InvalidKeyError, TenantSuspendedError):
        return None
    return Caller(identity.tenant_id, identity.key_id) if identity.tenant_id else None


async def poll(
    request: Request, services: Services, jobs: ForeignJobs, caller: Caller | None, task_id: str
) -> ForeignJob:
    """The task once it is over, or after a moment.

    Without a key its id grants the access, which this API's clients are told to keep: as long as
    the URL of a result does, and no longer than the key that submitted it. A task that came by
    another API needs the key.

    Raises:
        JobNotFoundError: there is no such task, or it is not the caller's.
        db.tenants.api_keys.InvalidKeyError: the key was revoked meanwhile.
        db.tenants.tenants.TenantSuspendedError: the tenant was suspended meanwhile.
    """
    job = await _load(services, jobs, caller, task_id)
    if job.is_over:
        return job
    holder = caller.key_id if caller else client_network(client_address(request.scope))
    with suppress(TooManyStreamsError), services.waiter_limits.long_poll(holder):
        await _hold(request, services, caller, task_id)
    job = await _load(services, jobs, caller, task_id)
    if caller is not None:
        # After the load: who is shut out during it gets nothing of what it found.
        await services.credential_checks.require(caller.credential)
    return job


async def _load(
    services: Services, jobs: ForeignJobs, caller: Caller | None, task_id: str
) -> ForeignJob:
    job = await jobs.load(tenant_id=caller.tenant_id if caller else None, job_id=task_id)
    if caller is None:
        await _require_open(services, job)
    return job


async def _require_open(services: Services, job: ForeignJob) -> None:
    """Check that a task is shown to whoever has its id.

    Raises:
        JobNotFoundError: it came by another API, ended long ago, was deleted, or its key is no
            longer valid.
    """
    key_id = job.request_by(SurfaceName.BFL).get("key_id")
    ended, seconds = job.view.finished_at, services.settings.artifact_url_seconds
    if key_id is None or (ended and (datetime.now(UTC) - ended).total_seconds() > seconds):
        raise JobNotFoundError
    try:
        await services.credential_checks.require(Credential(key_id))
    except (InvalidKeyError, TenantSuspendedError) as error:
        raise JobNotFoundError from error


async def _hold(request: Request, services: Services, caller: Caller | None, task_id: str) -> None:
    """Wait for the end of a task, which may have come before: then for the longest time."""
    # No key has an empty id: a wait without one may also end at the hub's next look at all keys.
    credential = caller.credential if caller else Credential("")
    seconds = HOLD_SECONDS if caller else ANONYMOUS_HOLD_SECONDS
    with services.hub.watch(task_id, credential) as waiter:
        async with calling_back(
            disconnection(request), lambda: waiter.close(CloseReason.DISCONNECTED)
        ):
            await waiter.until_over(seconds)
