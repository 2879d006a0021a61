"""ASGI middleware: no request body is read beyond the limit."""

from contextlib import suppress

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.core.errors import MEDIA_TYPE

_PROBLEM = (
    b'{"type":"about:blank","title":"Content Too Large","status":413,'
    b'"detail":"the request body is too large","code":"body_too_large"}'
)


class BodyLimit:
    """Answers 413 as soon as the header declares, or the stream exceeds, the limit."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, and count the bytes of its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif _declared_bytes(scope) > self._max_bytes:
            await _refuse(send)
        else:
            await _CountedRequest(self._app, self._max_bytes, receive, send).run(scope)


class _CountedRequest:
    """A request whose body's length is not known in advance."""

    def __init__(self, app: ASGIApp, max_bytes: int, receive: Receive, send: Send) -> None:
        self._app = app
        self._left = max_bytes
        self._receive = receive
        self._send = send
        self._started = False

    async def run(self, scope: Scope) -> None:
        with suppress(ClientDisconnect):
            await self._app(scope, self._counted_receive, self._guarded_send)
        if self._left < 0 and not self._started:
            await _refuse(self._send)

    async def _counted_receive(self) -> Message:
        if self._left >= 0:
            message = await self._receive()
            self._left -= len(message.get("body", b""))
        # The application sees a disconnect instead of the rest.
        return message if self._left >= 0 else {"type": "http.disconnect"}

    async def _guarded_send(self, message: Message) -> None:
        # The application may treat the partial body as malformed: send our 413 instead.
        if self._left < 0 and not self._started:
            return
        self._started = True
        await self._send(message)


def _declared_bytes(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": _PROBLEM})
