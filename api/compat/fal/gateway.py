"""ASGI middleware of fal's surface: proxy mode, and the id of the request on every answer.

In proxy mode a client sends every call to one URL, with the real target in a header. Nothing is
ever forwarded: the target's host selects the part of this surface that serves the call.
"""

from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.compat.fal.errors import REQUEST_ID, request_id_of
from api.core.errors import ProblemError
from api.core.refusal import refuse

PROXY = "/proxy"
TARGET = "x-fal-target-url"

_PARTS: Mapping[str, str] = {
    "queue.fal.run": "/queue",
    "fal.run": "/run",
    "rest.fal.ai": "/rest",
    "rest.alpha.fal.ai": "/rest",
}
"""The part of this surface by the host of the target."""


class FalGateway:
    """Serves proxied calls as direct ones, and names the request in every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        root = scope.get("root_path", "")
        if scope["path"].removeprefix(root).rstrip("/") == PROXY:
            try:
                _redirect(scope, root)
            except ProblemError as problem:
                await refuse(problem, scope, receive, send)
                return
        await self._app(scope, receive, _named(scope, send))


def _redirect(scope: Scope, root: str) -> None:
    """Give the request the path and the query of its target."""
    target = Headers(scope=scope).get(TARGET)
    if not target:
        raise ProblemError(400, "missing_target", f"name the target in the header {TARGET}")
    try:
        parts = urlsplit(target)
        place = _PARTS.get(parts.hostname or "")
    except ValueError:
        place = None
    if place is None:
        hosts = ", ".join(_PARTS)
        raise ProblemError(412, "unknown_target", f"the target's host is none of {hosts}")
    scope["path"] = f"{root}{place}{unquote(parts.path)}"
    scope["raw_path"] = quote(scope["path"]).encode()
    scope["query_string"] = quote(parts.query, safe="%=&+:/?,;@!$'()*~").encode()


def _named(scope: Scope, send: Send) -> Send:
    async def send_message(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if REQUEST_ID not in headers and (request_id := request_id_of(scope)):
                headers[REQUEST_ID] = request_id
        await send(message)

    return send_message
