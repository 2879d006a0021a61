"""Requests that stand for several jobs: submitted together, and waited for together."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from time import monotonic

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from api.auth.tenant import Caller
from api.compat.openai.outcomes import require_success
from api.compat.shared.foreign_job import ForeignJob, ForeignJobs
from api.compat.shared.submission import ForeignRequest, ForeignResult, submit_foreign
from api.compat.shared.waiting import leaving, wait_for_end
from api.core.request_log import LONG_POLL
from api.jobs.actions import leave_job
from api.middleware.body_limit import release_body
from api.services import Services

JOB = "Bottega-Job"
"""The header with the ids of a request's jobs, which OpenAI's answers have no field for."""

Submit = Callable[[], Sequence[ForeignResult]]


def submit_all(
    services: Services,
    caller: Caller,
    jobs: ForeignJobs,
    requests: Sequence[ForeignRequest],
    *,
    idempotency_key: str | None = None,
) -> list[ForeignResult]:
    """Submit the jobs of one request; when one is refused, those before it are canceled.

    Raises:
        Exception: as `api.compat.shared.submission.submit_foreign`.
    """
    results: list[ForeignResult] = []
    try:
        for number, each in enumerate(requests):
            key = _key(idempotency_key, number)
            results.append(submit_foreign(services, caller, jobs, each, idempotency_key=key))
    except Exception:
        for result in results:
            leave_job(services, tenant_id=caller.tenant_id, job_id=result.job.view.id)
        raise
    return results


def _key(key: str | None, number: int) -> str | None:
    """The idempotency key of one of the jobs; the first has the request's own."""
    if key is None or number == 0:
        return key
    return hashlib.sha256(f"{key}\n{number}".encode()).hexdigest()


def headers_of(results: Sequence[ForeignResult]) -> dict[str, str]:
    """The headers of an answer: what was ignored, what is a replay, and the jobs' ids."""
    ids = ", ".join(result.job.view.id for result in results)
    merged: dict[str, str] = {}
    for result in results:
        merged |= result.headers
    return merged | {JOB: ids}


async def submit_and_wait_for_all(
    request: Request, services: Services, caller: Caller, jobs: ForeignJobs, submit: Submit
) -> tuple[list[ForeignJob], dict[str, str]]:
    """Submit jobs and wait for the end of all: the succeeded jobs, and the answer's headers.

    Raises:
        api.core.errors.ProblemError: one of them failed; the others are left.
        api.core.domain_errors.NotInTimeError: one did not end within the longest synchronous wait.
        api.core.domain_errors.TooManyStreamsError: the key has as many waits open as it may;
            nothing was submitted.
        Exception: as `submit` raises.
    """
    with services.waiter_limits.long_poll(caller.key_id):
        results = await run_in_threadpool(submit)
        request.scope[LONG_POLL] = True
        release_body(request.scope)
        ends_at = monotonic() + services.settings.sync_seconds
        ended = []
        async with AsyncExitStack() as departures:
            for result in results:
                await departures.enter_async_context(leaving(services, caller, result.job.view.id))
            for result in results:
                job = result.job
                if not job.is_over:
                    job = await wait_for_end(
                        *(request, services, caller, jobs),
                        job_id=job.view.id,
                        seconds=max(0.0, ends_at - monotonic()),
                    )
                require_success(job)
                ended.append(job)
    return ended, headers_of(results)
