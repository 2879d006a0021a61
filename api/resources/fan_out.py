"""The pace at which events reach the clients that wait for them.

Thousands may wait for one job. Woken all at once, they would hold up every other request of the
process: they are woken a few at a time, with pauses in which others are served. The end of a job
goes first; states, progress and previews are handed on a few times a second, of the latter two the
newest only.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field

import structlog

from api.resources.waiter import EventBuffer, StreamedEvent, Waiter

PROGRESS_SECONDS = 0.25
"""The shortest time between two times at which a client is told of progress."""

_AT_ONCE = 16
"""Clients that are woken together: about 4 ms of work."""

_END_SHARE = 0.7
"""The share of the process's time that telling of ends may take, while others ask for theirs."""

_PROGRESS_SHARE = 0.25
"""The share of the process's time that progress may take, however many clients follow it."""

_log = structlog.get_logger(__name__)


@dataclass(eq=False)
class Channel:
    """The clients that wait for one job, and what they have not been handed yet.

    Attributes:
        recent: the last events, also those that were handed on.
        in_transit: the events that are being handed on: a more urgent one must not overtake them.
        quiet_until: the loop's time before which no progress is handed on.
    """

    recent: deque[StreamedEvent]
    waiters: dict[Waiter, None] = field(default_factory=dict)
    buffer: EventBuffer = field(default_factory=EventBuffer)
    in_transit: list[StreamedEvent] = field(default_factory=list)
    is_over: bool = False
    quiet_until: float = 0.0


class FanOut:
    """Hands events on to waiters, at a pace at which everyone else is served too."""

    def __init__(self) -> None:
        self._urgent: dict[Channel, None] = {}
        self._due: dict[Channel, None] = {}
        self._work = asyncio.Event()
        self._woken = 0

    def put(self, channel: Channel, event: StreamedEvent) -> None:
        """Hand an event on: the end soon, anything else when its time has come."""
        channel.recent.append(event)
        channel.buffer.put(event)
        if channel.buffer.is_urgent:
            self._enqueue(self._urgent, channel)
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= channel.quiet_until:
            self._enqueue(self._due, channel)
        elif len(channel.buffer) == 1:
            loop.call_at(channel.quiet_until, self._enqueue, self._due, channel)

    def end(self, channel: Channel) -> None:
        """Let the waiters know that their job's row is in a terminal state."""
        channel.is_over = True
        self._enqueue(self._urgent, channel)

    def _enqueue(self, queue: dict[Channel, None], channel: Channel) -> None:
        queue[channel] = None
        self._work.set()

    async def run(self) -> None:
        """Hand events on until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                await self._hand_on_all()
            except Exception as error:  # noqa: BLE001 - other channels have waiters too
                _log.warning("fan_out_failed", error=type(error).__name__)

    async def _hand_on_all(self) -> None:
        while self._urgent or self._due:
            await self._hand_on_urgent()
            if self._due:
                channel = _pop(self._due)
                began = asyncio.get_running_loop().time()
                await self._hand_on(channel, share=_PROGRESS_SHARE)
                took = asyncio.get_running_loop().time() - began
                channel.quiet_until = began + took + max(PROGRESS_SECONDS, took)

    async def _hand_on_urgent(self) -> None:
        while self._urgent:
            await self._hand_on(_pop(self._urgent), share=_END_SHARE)

    async def _hand_on(self, channel: Channel, *, share: float) -> None:
        events, is_over = [*channel.in_transit, *channel.buffer.take()], channel.is_over
        if not events and not is_over:
            return
        channel.in_transit = events
        for waiter in [*channel.waiters]:
            waiter.put(events)
            if is_over:
                waiter.end()
            self._woken += 1
            if self._woken >= _AT_ONCE:
                await self._rest(share)
                if share == _PROGRESS_SHARE:
                    await self._hand_on_urgent()
        channel.in_transit = []

    async def _rest(self, share: float) -> None:
        """Let those who were woken run, and then everyone else for their part of the time."""
        self._woken = 0
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        busy = loop.time() - began
        await asyncio.sleep(busy * (1 - share) / share)


def _pop(queue: dict[Channel, None]) -> Channel:
    channel = next(iter(queue))
    del queue[channel]
    return channel
