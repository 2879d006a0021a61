"""ASGI middleware: which answers a page of another origin may read (CORS)."""

from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.core.artifact_urls import DIRECT_ARTIFACTS
from api.core.protocol.methods import METHODS
from api.core.surfaces import surface_of

CROSS_ORIGIN = "bottega.cross_origin"
"""The scope's entry with the rules of the request's path; absent where no other origin may read."""

_LINKS = ("/v1/artifacts/", f"{DIRECT_ARTIFACTS}/")
_MAX_AGE_SECONDS = 7200
"""Browsers keep the answer to a preflight no longer."""

_EXPOSED = (
    *("ETag", "Link", "Location", "Retry-After", "Preference-Applied", "Content-Disposition"),
    *("RateLimit", "RateLimit-Policy", "X-Request-Id", "WWW-Authenticate", "Allow"),
    *("Idempotency-Replayed", "Bottega-Ignored", "Accept-Ranges", "Content-Range"),
    *("x-request-id", "x-fal-request-id", "x-fal-billable-units", "x-compute-time"),
)
"""Headers that scripts may read beside those that every script may."""


class CrossOriginRules(CORSMiddleware):
    """The rules of one kind of path: the library's, and headers for all who ask without an origin.

    Credentials are never allowed: a cookie opens pages alone, and a key is sent in a header.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=(*METHODS, "HEAD", "OPTIONS"),
            # Those of any client; none of them grants anything without a key.
            allow_headers=("*",),
            expose_headers=tuple(dict.fromkeys(_EXPOSED)),
            max_age=_MAX_AGE_SECONDS,
        )

    def preflight_headers_of(self, headers: Headers) -> dict[str, str]:
        """The headers by which the browser decides on the request that it asks for."""
        answer = self.preflight_response(request_headers=headers).headers
        return {name: value for name, value in answer.items() if not name.startswith("content-")}


class CrossOrigin:
    """Adds the headers of CORS to every answer, also to those of errors.

    Signed links are open to every origin: who knows one may read it. Calls that take a key are
    open to the origins of the settings, and so is the refusal of a path that does not exist. Pages,
    which take a cookie, and operators' calls are open to none.

    Args:
        app: the application behind it.
        origins: the origins whose pages may call the service; `*` for all.
        closed: paths that are open to no other origin, with all below them.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str], closed: Sequence[str]) -> None:
        self._app = app
        self._closed = frozenset(closed)
        self._rooms = tuple(f"{path}/" for path in closed)
        self._links = CrossOriginRules(app, ["*"])
        self._calls = CrossOriginRules(app, origins) if origins else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, and add the headers to its response."""
        rules = self._rules(scope) if scope["type"] == "http" else None
        if rules is None:
            await self._app(scope, receive, send)
            return
        scope[CROSS_ORIGIN] = rules
        headers = Headers(scope=scope)
        if rules is self._links:
            await self._app(scope, receive, _open_to_all(rules, send))
        else:
            await rules.simple_response(scope, receive, send, request_headers=headers)

    def _rules(self, scope: Scope) -> CrossOriginRules | None:
        path: str = scope["path"]
        surface = surface_of(scope)
        if surface is not None:
            return self._links if surface.is_link(path) else self._calls
        if path.startswith(_LINKS):
            return self._links
        is_closed = path == "/" or path in self._closed or path.startswith(self._rooms)
        return None if is_closed else self._calls


def _open_to_all(rules: CrossOriginRules, send: Send) -> Send:
    """Add the same headers whoever asks: a browser may keep an answer, and use it for a script."""

    async def send_message(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(rules.simple_headers)
            headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        await send(message)

    return send_message
