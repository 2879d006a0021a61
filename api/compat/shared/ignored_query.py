"""Names in the query of a foreign request that its call does not know: ignored, and told."""

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.compat.shared.submission import IGNORED_HEADER, header_value
from api.core.query_names import unknown_names

_UNKNOWN = "bottega.unknown_query"


def note_unknown_names(request: Request) -> None:
    """Note the names for `IgnoredQuery`; a dependency of every call."""
    if request.scope["query_string"]:
        request.scope[_UNKNOWN] = unknown_names(request)


class IgnoredQuery:
    """ASGI middleware: adds the ignored names to `Bottega-Ignored`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, and add the header to its response."""

        async def send_message(message: Message) -> None:
            names = scope.get(_UNKNOWN)
            if message["type"] == "http.response.start" and names:
                headers = MutableHeaders(scope=message)
                told = [headers[IGNORED_HEADER]] if IGNORED_HEADER in headers else []
                headers[IGNORED_HEADER] = ", ".join([*told, header_value(names)])
            await send(message)

        await self._app(scope, receive, send_message)
