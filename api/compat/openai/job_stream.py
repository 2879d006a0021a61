"""Streams of a request's jobs: followed one after the other, and left when the client goes away."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from types import TracebackType
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from api.auth.tenant import Caller
from api.compat.openai.errors import error_body
from api.compat.openai.frames import encoded
from api.compat.openai.outcomes import require_success
from api.compat.openai.waiting import Submit, headers_of
from api.compat.shared.foreign_job import ForeignJob, ForeignJobs, as_foreign
from api.compat.shared.waiting import leave_soon
from api.core.errors import KNOWN, ProblemError, problem_of
from api.core.event_stream import EventStream
from api.jobs.event_frames import FollowedJob, Moment
from api.middleware.body_limit import release_body
from api.resources.waiter import CloseReason
from api.services import Services

Frames = Callable[["JobStream"], AsyncGenerator[bytes, None]]
"""Makes the frames of a stream from what its jobs do."""


async def _exits() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


ExitsDep = Annotated[AsyncExitStack, Depends(_exits)]
"""Contexts that end when the response has been sent, or its client has gone away."""


class JobStream:
    """The jobs of one request, for the stream that answers it.

    Attributes:
        first: the jobs when the stream began.
    """

    def __init__(
        self, services: Services, caller: Caller, jobs: ForeignJobs, first: Sequence[ForeignJob]
    ) -> None:
        self.services = services
        self.first = first
        self._caller = caller
        self._jobs = jobs
        self._followed: list[FollowedJob] = []
        self._ended: dict[int, ForeignJob] = {}
        self._unfinished = {job.view.id for job in first}

    def follow(self, exits: AsyncExitStack) -> None:
        """Receive the events of the jobs from now on, and leave them at the end."""
        exits.push_async_exit(self._leave)
        for job in self.first:
            waiter = exits.enter_context(
                self.services.hub.watch(job.view.id, self._caller.credential)
            )
            views = self._jobs.views
            self._followed.append(FollowedJob(self.services, views, self._caller, waiter, job.view))

    def disconnect(self) -> None:
        """End the stream: its client has gone away."""
        for followed in self._followed:
            followed.waiter.close(CloseReason.DISCONNECTED)

    async def moments(self, number: int) -> AsyncGenerator[Moment, None]:
        """The events of one of the jobs."""
        async with aclosing(self._followed[number].moments()) as moments:
            async for moment in moments:
                if moment.last is not None:
                    self._ended[number] = as_foreign(moment.last)
                yield moment

    def ended(self, number: int) -> ForeignJob:
        """One of the jobs, after its last moment.

        Raises:
            ProblemError: it has not succeeded.
        """
        self._unfinished.discard(self.first[number].view.id)
        job = self._ended[number]
        require_success(job)
        return job

    async def _leave(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        # A cancellation is this process's end, and no client's.
        if not isinstance(error, asyncio.CancelledError):
            for job_id in self._unfinished:
                leave_soon(self.services, self._caller, job_id)


async def stream_jobs(
    request: Request,
    services: Services,
    caller: Caller,
    jobs: ForeignJobs,
    submit: Submit,
    exits: AsyncExitStack,
    frames: Frames,
) -> EventStream:
    """Submit jobs, and answer with a stream.

    Raises:
        ProblemError: the request is a replay, and its job has failed.
        api.core.domain_errors.TooManyStreamsError: the key has as many streams open as it may;
            nothing was submitted.
        Exception: as `submit` raises.
    """
    exits.enter_context(services.waiter_limits.stream(caller.key_id))
    results = await run_in_threadpool(submit)
    release_body(request.scope)
    stream = JobStream(services, caller, jobs, [result.job for result in results])
    stream.follow(exits)
    for job in stream.first:
        if job.is_over:
            require_success(job)
    response = EventStream(
        _until_failure(frames(stream)),
        on_disconnect=stream.disconnect,
        slow_reader_seconds=services.settings.slow_reader_seconds,
    )
    response.headers.update(headers_of(results))
    return response


async def _until_failure(frames: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The frames; an error as the last one where they fail."""
    async with aclosing(frames):
        try:
            async for each in frames:
                yield each
        except ProblemError as problem:
            yield encoded(error_body(problem))
        except KNOWN as error:
            yield encoded(error_body(problem_of(error)))
