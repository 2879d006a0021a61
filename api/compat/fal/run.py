"""fal's synchronous calls: the output at once, or as a stream with the pictures in the making."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from api.auth.tenant import CallerDep
from api.compat.fal.answers import end_of, is_inline, whole_output_of
from api.compat.fal.documents import MADE, of_events
from api.compat.fal.error_bodies import error_body
from api.compat.fal.errors import REQUEST_ID, name_request
from api.compat.fal.queue import App, Fields, JobsDep
from api.compat.fal.rendering import failure_of, partial_output_of
from api.compat.fal.submission import FalHeadersDep, translate
from api.compat.shared.foreign_job import ForeignJob, as_foreign
from api.compat.shared.room import submit_when_room
from api.compat.shared.submission import ForeignResult, submit_foreign
from api.compat.shared.waiting import leaving, wait_for_end
from api.core.errors import problem_of
from api.core.event_stream import PING, EventStream, frame
from api.core.json_body import JsonRoute
from api.jobs.event_frames import FollowedJob
from api.middleware.body_limit import release_body
from api.resources.waiter import CloseReason
from api.services import ServicesDep
from db.tenants.api_keys import InvalidKeyError
from db.tenants.tenants import TenantSuspendedError

router = APIRouter(prefix="/run", tags=["run"], route_class=JsonRoute)


class _ClientLeftError(Exception):
    """The client of a stream has gone away before its end."""


class RunStream:
    """The events of a run, for one client.

    Attributes:
        result: the submitted job.
        followed: the same job, whose events are followed.
    """

    def __init__(self, result: ForeignResult, followed: FollowedJob) -> None:
        self.result = result
        self.followed = followed
        self._is_complete = False

    def require_complete(self) -> None:
        """Check that the client has got the last event.

        Raises:
            _ClientLeftError: it went away before, or did not read.
        """
        if not self._is_complete:
            raise _ClientLeftError

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """The encoded events: outputs with the pictures in the making, and last the whole one."""
        job = self.result.job
        try:
            async with aclosing(self.followed.moments()) as moments:
                async for moment in moments:
                    previews = [e.event.data for e in moment.events if e.event.type == "preview"]
                    for preview in previews:
                        yield frame(None, json.dumps(partial_output_of(job, preview["image"])))
                    if moment.last is not None:
                        yield await self._end(as_foreign(moment.last))
                        self._is_complete = True
                    elif not previews:
                        yield PING
        except (InvalidKeyError, TenantSuspendedError) as error:
            problem = problem_of(error)
            body = error_body(problem.detail, problem.detail, problem.code)
            yield frame("error", json.dumps(body))
            self._is_complete = True

    async def _end(self, job: ForeignJob) -> bytes:
        if (failure := failure_of(job)) is not None:
            return frame("error", json.dumps(failure.body))
        output = await run_in_threadpool(whole_output_of, self.followed.services, job)
        return frame(None, json.dumps(output))


async def _run_stream(
    app: App,
    body: Fields,
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    jobs: JobsDep,
    headers: FalHeadersDep,
) -> AsyncIterator[RunStream]:
    """The submitted run; after the response, a client that has left cancels it."""

    def submit() -> ForeignResult:
        foreign = translate(
            services, caller, app, body, headers, is_synchronous=True, with_previews=True
        )
        return submit_foreign(
            services, caller, jobs, foreign, idempotency_key=headers.idempotency_key
        )

    with services.waiter_limits.stream(caller.key_id), suppress(_ClientLeftError):
        result = await submit_when_room(request, services, caller, submit)
        job_id = result.job.view.id
        name_request(request.scope, job_id)
        release_body(request.scope)
        async with leaving(services, caller, job_id):
            with services.hub.watch(job_id, caller.credential) as waiter:
                job = await jobs.load(tenant_id=caller.tenant_id, job_id=job_id)
                followed = FollowedJob(services, jobs.views, caller, waiter, job.view)
                yield (stream := RunStream(result, followed))
            stream.require_complete()


@router.post(
    "/{app:path}/stream",
    status_code=200,
    response_class=EventStream,
    response_model=None,
    responses=of_events(MADE),
)
async def run_as_stream(
    services: ServicesDep, stream: Annotated[RunStream, Depends(_run_stream)]
) -> EventStream:
    """Run an application; each event has an output, the last one the whole.

    A client that leaves cancels the request.
    """
    response = EventStream(
        stream.frames(),
        on_disconnect=lambda: stream.followed.waiter.close(CloseReason.DISCONNECTED),
        slow_reader_seconds=services.settings.slow_reader_seconds,
    )
    response.headers.update({REQUEST_ID: stream.followed.first.id, **stream.result.headers})
    return response


@router.post("/{app:path}", responses=MADE)
async def run(
    app: App,
    body: Fields,
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    jobs: JobsDep,
    headers: FalHeadersDep,
) -> JSONResponse:
    """Run an application and answer its output; a client that leaves cancels the request."""

    def submit() -> ForeignResult:
        foreign = translate(services, caller, app, body, headers, is_synchronous=True)
        result = submit_foreign(
            services, caller, jobs, foreign, idempotency_key=headers.idempotency_key
        )
        name_request(request.scope, result.job.view.id)
        return result

    with services.waiter_limits.long_poll(caller.key_id):
        result = await submit_when_room(request, services, caller, submit)
        release_body(request.scope)
        job = result.job
        if not job.is_over:
            seconds = services.settings.sync_seconds
            async with leaving(services, caller, job.view.id):
                job = await wait_for_end(
                    request, services, caller, jobs, job_id=job.view.id, seconds=seconds
                )
    if is_inline(job):
        return await run_in_threadpool(end_of, services, request, job, result.headers)
    return end_of(services, request, job, result.headers)
