"""A span for every request to the API proper, where traces are collected."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workers.telemetry import tracing

_TRACED = "/v1/"
_SERVER_ERROR = 500


class RequestSpans:
    """ASGI middleware; a request that bears a `traceparent` goes on with that trace."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer within a span that has the route's name: a path holds ids."""
        traced = tracing.is_on() and scope["type"] == "http" and scope["path"].startswith(_TRACED)
        if not traced:
            await self._app(scope, receive, send)
            return
        with tracing.request_span(scope["method"], _traceparent(scope)) as span:

            async def noting(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _note(span, scope, message["status"])
                await send(message)

            await self._app(scope, receive, noting)


def _note(span: tracing.Span, scope: Scope, status: int) -> None:
    span.note(
        {"http.request.method": scope["method"], "http.response.status_code": status},
    )
    if (route := getattr(scope.get("route"), "path", None)) is not None:
        span.note({"http.route": route})
        span.name(f"{scope['method']} {route}")
    if status >= _SERVER_ERROR:
        span.fail(str(status))


def _traceparent(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"traceparent":
            text: str = value.decode("latin-1")
            return text
    return None
