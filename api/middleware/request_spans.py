"""ASGI middleware: a trace span for every request of an API, when traces are collected."""

from opentelemetry.trace import Span
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.core.protocol.methods import sent_method
from api.core.surfaces import surface_of
from workers.telemetry import tracing

_TRACED = "/v1/"
_SERVER_ERROR = 500


class RequestSpans:
    """ASGI middleware; a request that bears a `traceparent` continues that trace."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle the request in a span named after the route: a path would hold ids."""
        traced = tracing.is_on() and scope["type"] == "http" and _is_traced(scope)
        if not traced:
            await self._app(scope, receive, send)
            return
        with tracing.request_span(sent_method(scope), _traceparent(scope)) as span:

            async def send_and_describe(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _describe(span, scope, message["status"])
                await send(message)

            await self._app(scope, receive, send_and_describe)


def _is_traced(scope: Scope) -> bool:
    return surface_of(scope) is not None or scope["path"].startswith(_TRACED)


def _describe(span: Span, scope: Scope, status: int) -> None:
    span.set_attributes(
        {"http.request.method": sent_method(scope), "http.response.status_code": status},
    )
    if (route := getattr(scope.get("route"), "path", None)) is not None:
        span.set_attribute("http.route", route)
        span.update_name(f"{sent_method(scope)} {route}")
    if status >= _SERVER_ERROR:
        tracing.fail(span, str(status))


def _traceparent(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"traceparent":
            text: str = value.decode("latin-1")
            return text
    return None
