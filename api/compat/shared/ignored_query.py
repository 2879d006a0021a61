"""Names in the query of a foreign request, and slips in its body: passed over, and told."""

from collections.abc import Sequence

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.compat.shared.submission import IGNORED_HEADER, header_value
from api.core.protocol.slips import noting
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
        with noting() as slips:

            async def send_message(message: Message) -> None:
                names = [*scope.get(_UNKNOWN, ()), *(slip.name for slip in slips)]
                if message["type"] == "http.response.start" and names:
                    _tell(MutableHeaders(scope=message), names)
                await send(message)

            await self._app(scope, receive, send_message)


def _tell(headers: MutableHeaders, names: Sequence[str]) -> None:
    """Add names to the header; those of a job's warnings stand there already."""
    told = [name for name in headers.get(IGNORED_HEADER, "").split(", ") if name]
    every = dict.fromkeys([*told, *(header_value([name]) for name in names)])
    headers[IGNORED_HEADER] = header_value([*every])
