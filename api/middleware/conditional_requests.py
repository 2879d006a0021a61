"""ASGI middleware: validators of what is read, and 304 for a client that has it already."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.core.protocol.validators import is_current, weak_etag

_OK, _NOT_MODIFIED = 200, 304
_CACHING = "private, no-cache"
"""A browser may keep the answer, and asks each time whether it has changed."""

_OF_CONTENT = ("content-length", "content-type", "content-encoding", "accept-ranges")
"""The headers of a body, which 304 has not."""


class ConditionalRequests:
    """Compares `If-None-Match` with the validator of every answer to GET.

    An answer without a validator gets one of its bytes where it comes in one piece and may be
    kept; a browser then asks each time whether it has changed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, and answer 304 in place of what its client has."""
        if scope["type"] == "http" and scope["method"] == "GET":
            send = _Validated(Headers(scope=scope).getlist("if-none-match"), send).send
        await self._app(scope, receive, send)


class _Validated:
    """A response whose start is held back until its validator is known."""

    def __init__(self, if_none_match: list[str], send: Send) -> None:
        self._if_none_match = if_none_match
        self._send = send
        self._held: Message | None = None
        self._is_not_modified = False

    async def send(self, message: Message) -> None:
        """Send one part of the response."""
        if message["type"] == "http.response.start":
            await self._start(message)
        elif message["type"] == "http.response.body":
            await self._body(message)
        else:
            await self._send(message)

    async def _start(self, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        if message["status"] == _NOT_MODIFIED:
            headers.setdefault("Cache-Control", _CACHING)
        if message["status"] != _OK or "no-store" in headers.get("cache-control", ""):
            await self._send(message)
        elif (etag := headers.get("etag")) is not None:
            await self._send(self._validated(message, headers, etag))
        elif headers.get("content-type", "").startswith("text/event-stream"):
            await self._send(message)
        else:
            self._held = message

    async def _body(self, message: Message) -> None:
        held, self._held = self._held, None
        if held is not None:
            if not message.get("more_body"):
                headers = MutableHeaders(scope=held)
                headers["ETag"] = weak_etag(message.get("body", b""))
                held = self._validated(held, headers, headers["ETag"])
            await self._send(held)
        if not self._is_not_modified:
            await self._send(message)
        elif not message.get("more_body"):
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def _validated(self, message: Message, headers: MutableHeaders, etag: str) -> Message:
        headers.setdefault("Cache-Control", _CACHING)
        self._is_not_modified = is_current(etag, self._if_none_match)
        if not self._is_not_modified:
            return message
        for name in _OF_CONTENT:
            if name in headers:
                del headers[name]
        return {**message, "status": _NOT_MODIFIED}
