"""The live part of a job's page, as a stream of server-sent events."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any

from fastapi.concurrency import run_in_threadpool
from fastapi.sse import ServerSentEvent

from api.resources.event_hub import EventHub, Waiter
from db.tables import Job
from workers.messaging.events import Event

REFRESH_SECONDS = 3.0
"""The interval at which a queued job's position is read again: no event reports it."""

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


async def stream_job(
    hub: EventHub,
    job_id: str,
    *,
    read: Callable[[], JobValues],
    render: Callable[[JobValues, str], str],
) -> AsyncGenerator[ServerSentEvent, None]:
    """The page's live part whenever it changes; after the job's end, `done` as the last event.

    Args:
        hub: the process's events.
        job_id: the job.
        read: reads the job's template values; it runs in a thread.
        render: renders the live part from these values and the preview.
    """
    progress, last = LiveProgress(), ""
    with hub.watch(job_id) as waiter:
        for event in await hub.replay(job_id, after=None):
            progress.apply(event)
        while True:
            # The job is read after watching began, or after an event: nothing is missed.
            values = await run_in_threadpool(read)
            progress.update(values["job"])
            part = render(values, progress.preview)
            if part != last:
                yield ServerSentEvent(raw_data=part)
                last = part
            if values["over"]:
                break
            await _apply_next(progress, waiter, is_queued=values["waiting"] is not None)
    yield ServerSentEvent(event="done", raw_data=str(values["job"].state))


async def _apply_next(progress: LiveProgress, waiter: Waiter, *, is_queued: bool) -> None:
    """Wait for the next event, and apply it with all that came meanwhile.

    A queued job is read again after a while without one: its position changes unnoticed.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(REFRESH_SECONDS if is_queued else None):
            event = await waiter.get()
            while event is not None:
                progress.apply(event)
                event = None if waiter.empty() else waiter.get_nowait()
