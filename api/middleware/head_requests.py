"""ASGI middleware: a HEAD request is answered as its GET, without the body."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.core.protocol.methods import as_get


class HeadRequests:
    """Serves HEAD by the routes of GET: same status and headers, nothing opened or waited for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            await self._app(as_get(scope), receive, _without_body(send))
        else:
            await self._app(scope, receive, send)


def _without_body(send: Send) -> Send:
    """Send the headers, and the end at once: a body of several parts is not waited for."""
    has_ended = False

    async def send_message(message: Message) -> None:
        nonlocal has_ended
        if message["type"] != "http.response.body":
            await send(message)
        elif not has_ended:
            has_ended = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return send_message
