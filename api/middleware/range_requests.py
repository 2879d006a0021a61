"""ASGI middleware: a part of a picture for a client that asks for a range of its bytes."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.core.protocol.methods import is_head
from api.core.protocol.ranges import UnsatisfiableRangeError, byte_range
from api.core.protocol.validators import is_same

_OK, _PARTIAL, _UNSATISFIABLE = 200, 206, 416
_PICTURES = "image/"


class RangeRequests:
    """Answers 206 or 416 where a picture comes in one piece; files of a folder do so themselves."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, and cut its answer."""
        if scope["type"] == "http" and scope["method"] == "GET":
            headers = Headers(scope=scope)
            wanted = None if is_head(scope) else headers.get("range")
            send = _Ranged(wanted, headers.get("if-range"), send).send
        await self._app(scope, receive, send)


class _Ranged:
    """A response whose start waits for the size of its body."""

    def __init__(self, wanted: str | None, if_range: str | None, send: Send) -> None:
        self._wanted = wanted
        self._if_range = if_range
        self._send = send
        self._held: Message | None = None

    async def send(self, message: Message) -> None:
        """Send one part of the response."""
        if message["type"] == "http.response.start":
            await self._start(message)
            return
        held, self._held = self._held, None
        if held is not None:
            if not message.get("more_body"):
                held, message = _cut(self._wanted or "", held, message)
            await self._send(held)
        await self._send(message)

    async def _start(self, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        is_picture = headers.get("content-type", "").startswith(_PICTURES)
        if message["status"] == _OK and is_picture and "accept-ranges" not in headers:
            headers["Accept-Ranges"] = "bytes"
            if self._wanted is not None and self._applies(headers.get("etag", "")):
                self._held = message
                return
        await self._send(message)

    def _applies(self, etag: str) -> bool:
        return self._if_range is None or is_same(etag, self._if_range)


def _cut(wanted: str, start: Message, body: Message) -> tuple[Message, Message]:
    """The response with the wanted bytes alone."""
    content = body.get("body", b"")
    try:
        found = byte_range(wanted, len(content))
    except UnsatisfiableRangeError:
        return _part(_UNSATISFIABLE, start, b"", f"*/{len(content)}")
    if found is None:
        return start, body
    part = content[found.start : found.stop]
    return _part(_PARTIAL, start, part, f"{found.start}-{found.stop - 1}/{len(content)}")


def _part(status: int, start: Message, part: bytes, place: str) -> tuple[Message, Message]:
    headers = MutableHeaders(scope=start)
    headers["Content-Range"] = f"bytes {place}"
    headers["Content-Length"] = str(len(part))
    return {**start, "status": status}, {"type": "http.response.body", "body": part}
