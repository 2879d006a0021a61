"""The live part of a job's page, as a stream of server-sent events."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from api.core.event_stream import PING, PING_SECONDS, EventStream, frame
from api.resources.credentials import Credential
from api.resources.waiter import CloseReason, Waiter
from api.services import Services
from db.tables import Job
from db.tenants.api_keys import InvalidKeyError
from db.tenants.tenants import TenantSuspendedError
from workers.messaging.events import Event

REFRESH_SECONDS = 3.0
"""The interval at which a queued job's position is read again: no event reports it."""

PAUSE_SECONDS = 0.25
"""The shortest time between two readings of a job: each browser's part is rendered for itself."""

_END_ID = "done"
"""The id of the last event: a browser that comes back with it has all."""

JobValues = dict[str, Any]
"""Template values of one job; `job`, `over` and `waiting` are among them."""


class LiveProgress:
    """State that comes with events before any row has it: the current step, and the preview.

    Attributes:
        preview: the newest preview as a data URI; "" when there is none.
    """

    def __init__(self) -> None:
        self.preview = ""
        self._step, self._steps = 0, 0

    def apply(self, event: Event) -> None:
        """Take over what an event reports."""
        if event.type == "progress":
            self._step, self._steps = int(event.data["step"]), int(event.data["steps"])
        elif event.type == "preview":
            self.preview = str(event.data["image"])
        elif event.type == "state":  # another attempt starts from the beginning
            self._step, self._steps, self.preview = 0, 0, ""

    def update(self, job: Job) -> None:
        """Put the current step into a job that was read.

        The worker publishes a step at once, but writes it to the row with its next heartbeat;
        a quick job has ended by then.
        """
        job.progress_steps = job.progress_steps or self._steps
        job.progress_step = max(job.progress_step, min(self._step, job.progress_steps))


class _RefusedError(Exception):
    """The browser was signed out, or its key is no longer valid."""


@dataclass(frozen=True)
class LivePart:
    """The live part of a job's page, for one browser.

    Attributes:
        waiter: the browser's wait for the job.
        read: reads the job's template values; it runs in a thread.
        render: renders the live part from these values and the preview.
    """

    services: Services
    job_id: str
    waiter: Waiter
    read: Callable[[], JobValues]
    render: Callable[[JobValues, str], str]

    def response(self, last_event_id: str | None) -> Response:
        """The part as a stream of events; 204 for a browser that has been sent the end."""
        if last_event_id == _END_ID:
            return Response(status_code=204)
        return EventStream(
            self.frames(),
            on_disconnect=lambda: self.waiter.close(CloseReason.DISCONNECTED),
            slow_reader_seconds=self.services.settings.slow_reader_seconds,
        )

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """The part whenever it changes; after the job's end, `done` as the last event.

        The stream ends without `done` when the browser is signed out: its next try says so.
        """
        progress, last, sent_at = LiveProgress(), "", time.monotonic()
        for past in await self.services.hub.replay(self.job_id, self.waiter):
            progress.apply(past.event)
        while not self.waiter.closed:
            try:
                # The job is read after the wait began, or after an event: nothing is missed.
                values = await self._read()
            except _RefusedError:
                return
            progress.update(values["job"])
            part = self.render(values, progress.preview)
            if part != last:
                yield frame(None, part)
                last, sent_at = part, time.monotonic()
            elif time.monotonic() - sent_at > PING_SECONDS:
                yield PING
                sent_at = time.monotonic()
            if values["over"]:
                yield frame("done", str(values["job"].state), _END_ID)
                return
            self.waiter.reopen()
            await asyncio.sleep(PAUSE_SECONDS)
            seconds = REFRESH_SECONDS if values["waiting"] is not None else PING_SECONDS
            for each in await self.waiter.next(seconds):
                progress.apply(each.event)

    async def _read(self) -> JobValues:
        values = await run_in_threadpool(self.read)
        try:
            # After the reading: who is signed out during it gets nothing of what it found.
            await self.services.credential_checks.require(self.waiter.credential)
        except (InvalidKeyError, TenantSuspendedError) as error:
            raise _RefusedError from error
        return values


@contextmanager
def following(services: Services, job_id: str, credential: Credential) -> Iterator[Waiter]:
    """A browser's wait for a job, counted among the streams of its key.

    Raises:
        api.core.domain_errors.TooManyStreamsError: the key has as many open as it may.
    """
    with (
        services.waiter_limits.stream(credential.key_id),
        services.hub.watch(job_id, credential) as waiter,
    ):
        yield waiter
