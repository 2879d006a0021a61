"""ASGI middleware of a site: a form is received only from a browser that is signed in.

The framework would receive all of a form, files too, before it asks whose it is.
"""

from collections.abc import Awaitable, Callable

from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.core.refusal import has_body
from api.services import Services
from api.web.shared.session_cookie import SessionCookie
from api.web.shared.sign_in import SignedOutError

_UNREAD = ("GET", "HEAD", "OPTIONS")
IsOpen = Callable[[Services, str], bool]
"""True when a session's token opens a session of the site."""


class FormGuard:
    """Answers as a signed-out page does, at once.

    Args:
        app: the site's application.
        cookie: the cookie with the session's token.
        is_open: looks the session up.
        signed_out: the response for a browser that is signed out.
        sign_in_path: the path of the form that needs no session.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        cookie: SessionCookie,
        is_open: IsOpen,
        signed_out: Callable[[Request, Exception], Awaitable[Response]],
        sign_in_path: str,
    ) -> None:
        self._app = app
        self._cookie = cookie
        self._is_open = is_open
        self._signed_out = signed_out
        self._sign_in_path = sign_in_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, or refuse its form."""
        if scope["type"] == "http" and self._has_form(request := Request(scope)):
            services: Services = scope["app"].state.services
            token = request.cookies.get(self._cookie.under(services.settings).name)
            if not token or not await run_in_threadpool(self._is_open, services, token):
                response = await self._signed_out(request, SignedOutError())
                response.headers["Connection"] = "close"
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _has_form(self, request: Request) -> bool:
        if request.method in _UNREAD or request.url.path == self._sign_in_path:
            return False
        return has_body(request.headers)
