"""A client that waits for a job: what it has not been told yet, and the reason to stop waiting."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum
from functools import cached_property

from api.core.event_stream import frame
from api.core.metrics import events_encoded
from api.resources.credentials import Credential
from workers.messaging.events import Event, encode_data

_COALESCED = ("progress", "preview")
_MAX_PENDING = 64
"""Events that wait for a client. Attempts are few: a job that has as many states is no job."""


class StreamedEvent:
    """An event that any number of streams send: encoded once, and shared."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self.order = event.order

    @cached_property
    def frame(self) -> bytes:
        """The event in the format of event streams."""
        events_encoded.inc()
        event = self.event
        return frame(event.type, encode_data(event), event.id)


class EventBuffer:
    """Events in order: states and the end all, of progress and of previews the newest alone."""

    def __init__(self) -> None:
        self._events: dict[str, StreamedEvent] = {}
        self._last = (0, 0)

    def put(self, event: StreamedEvent) -> None:
        """Add an event; one that is older than the last is dropped."""
        if event.order <= self._last:
            return
        self._last = event.order
        kind = event.event.type
        key = kind if kind in _COALESCED else event.event.id
        self._events.pop(key, None)
        self._events[key] = event

    def skip_to(self, order: tuple[int, int]) -> None:
        """Drop the events up to this one, and those that come late."""
        self._last = max(self._last, order)
        self._events = {k: each for k, each in self._events.items() if each.order > order}

    def take(self) -> list[StreamedEvent]:
        """Remove and return all events."""
        events, self._events = [*self._events.values()], {}
        return events

    def __len__(self) -> int:
        return len(self._events)

    @property
    def is_urgent(self) -> bool:
        """True with the job's end among the events."""
        return any(each.event.type == "done" for each in self._events.values())


class CloseReason(StrEnum):
    """The reason for which a wait ends before its job does."""

    DISCONNECTED = "disconnected"
    INVALID_CREDENTIAL = "invalid_credential"
    NOT_READ = "not_read"


class Waiter:
    """One client's wait for one job.

    Attributes:
        credential: what the client has shown.
        is_over: the job is said to be over; events may be pending.
        closed: the reason to send nothing more; None while the wait goes on.
    """

    def __init__(self, credential: Credential) -> None:
        self.credential = credential
        self.is_over = False
        self.closed: CloseReason | None = None
        self._buffer = EventBuffer()
        self._changed = asyncio.Event()

    def put(self, events: Iterable[StreamedEvent]) -> None:
        """Add events that the client is to get."""
        for event in events:
            self._buffer.put(event)
            self.is_over = self.is_over or event.event.type == "done"
        if len(self._buffer) > _MAX_PENDING:
            self.closed = CloseReason.NOT_READ
        self._changed.set()

    def end(self) -> None:
        """Let the client know that the job's row is in a terminal state."""
        self.is_over = True
        self._changed.set()

    def reopen(self) -> None:
        """Go on waiting: the job was said to be over, and is not."""
        self.is_over = False

    def close(self, reason: CloseReason) -> None:
        """End the wait: nothing more may be sent."""
        self.closed = self.closed or reason
        self._changed.set()

    def skip_to(self, order: tuple[int, int]) -> None:
        """Drop the events up to this one: the client has them already."""
        self._buffer.skip_to(order)

    async def next(self, seconds: float | None) -> list[StreamedEvent]:
        """The pending events, once there are any; none after a time, or when the wait has ended."""
        if not (self.is_over or self.closed):
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
        self._changed.clear()
        events = self._buffer.take()
        return [] if self.closed else events

    async def until_over(self, seconds: float) -> None:
        """Wait until the job is over, the credential is no longer valid, or the time has passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not (self.is_over or self.closed):
                    await self._changed.wait()
                    self._changed.clear()
                    self._buffer.take()
