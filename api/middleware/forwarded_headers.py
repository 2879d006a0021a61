"""ASGI middleware: the client's address and scheme, as trusted proxies forward them."""

from starlette.types import ASGIApp, Receive, Scope, Send

from api.core.client_address import Networks, apply_forwarded_headers


class ForwardedHeaders:
    """Applies the headers of trusted proxies before anything reads the client or the scheme."""

    def __init__(self, app: ASGIApp, trusted: Networks) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request."""
        if self._trusted and scope["type"] == "http":
            apply_forwarded_headers(scope, self._trusted)
        await self._app(scope, receive, send)
