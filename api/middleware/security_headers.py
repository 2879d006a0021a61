"""ASGI middleware: headers that keep browsers from misusing an answer."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NO_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'"
"""The content security policy of what is no page: a browser loads and runs nothing of it."""

HTTPS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}
"""For a year, browsers ask for nothing of the host by plain http."""


class SecurityHeaders:
    """Adds the headers to every answer that does not have its own.

    Args:
        app: the application behind it.
        policy: the content security policy.
        more: further headers.
    """

    def __init__(self, app: ASGIApp, policy: str, more: Mapping[str, str] | None = None) -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            **(more or {}),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, and add the headers to its response."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
