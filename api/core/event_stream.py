"""Server-Sent Events as bytes, and the response that sends them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from api.core.metrics import slow_readers
from api.core.protocol.methods import is_head

PING_SECONDS = 15.0
"""The longest silence of a stream: proxies take a longer one for a dead connection."""

PING = KEEPALIVE_COMMENT
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def frame(event: str | None, data: str, event_id: str | None = None) -> bytes:
    """One event in the format of event streams.

    Args:
        event: its type; None is a message.
        data: its data, as text.
        event_id: the id by which a client resumes; None for none.
    """
    return format_sse_event(event=event, data_str=data, id=event_id)


class _SlowReaderError(Exception):
    """The client does not read what it is sent."""


class EventStream(StreamingResponse):
    """A stream of encoded events, which ends when its client goes away or does not read."""

    media_type = "text/event-stream"

    def __init__(
        self,
        frames: AsyncGenerator[bytes, None],
        *,
        on_disconnect: Callable[[], object],
        slow_reader_seconds: float,
    ) -> None:
        """Stream frames.

        Args:
            frames: encoded events, or several at once; never silent for long.
            on_disconnect: called when the client goes away: the frames must end soon.
            slow_reader_seconds: the longest time that the client may not read.
        """
        super().__init__(frames, headers=HEADERS)
        self._frames = frames
        self._on_disconnect = on_disconnect
        self._slow_reader_seconds = slow_reader_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the frames; a stream of a slow reader is broken off, HEAD gets no frame."""
        if is_head(scope):
            await self._send_headers(send)
            return

        async def wait() -> None:
            await wait_until_disconnected(receive)

        async with calling_back(wait, self._on_disconnect), aclosing(self._frames) as frames:
            try:
                await self._send_all(frames, send)
            except _SlowReaderError:
                # Without the last message the server closes the connection.
                slow_readers.inc()

    async def _send_headers(self, send: Send) -> None:
        async with aclosing(self._frames):
            await self._send(send, self._start)
            await self._send(send, {"type": "http.response.body", "body": b""})

    @property
    def _start(self) -> Message:
        return {"type": "http.response.start", "status": 200, "headers": self.raw_headers}

    async def _send_all(self, frames: AsyncGenerator[bytes, None], send: Send) -> None:
        await self._send(send, self._start)
        async for each in frames:
            await self._send(send, {"type": "http.response.body", "body": each, "more_body": True})
        await self._send(send, {"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, message: Message) -> None:
        try:
            async with asyncio.timeout(self._slow_reader_seconds):
                await send(message)
        except TimeoutError:
            raise _SlowReaderError from None


async def wait_until_disconnected(receive: Receive) -> None:
    """Return when the client has gone away; its request has been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


def disconnection(request: Request) -> Callable[[], Awaitable[None]]:
    """A function whose call returns when the client of a request has gone away."""

    async def wait() -> None:
        await wait_until_disconnected(request.receive)

    return wait


@asynccontextmanager
async def calling_back(
    wait: Callable[[], Awaitable[None]], on_end: Callable[[], object]
) -> AsyncGenerator[None, None]:
    """Call back when a wait ends within the block; at the block's end, wait no longer."""

    async def run() -> None:
        await wait()
        on_end()

    task: asyncio.Task[Any] = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
