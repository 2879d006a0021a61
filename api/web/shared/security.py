"""Protection of the pages against other sites: response headers, form tokens, origin checks."""

import hashlib
import hmac

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.core.errors import ProblemError
from api.services import Services

CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"


def _policy(image_sources: str) -> str:
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {image_sources}; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


class SecurityHeaders:
    """ASGI middleware: adds the security headers, and `no-store` where no caching is set.

    Args:
        app: the application behind it.
        image_sources: the origins that a page may load images from, as the content security
            policy writes them.
    """

    def __init__(self, app: ASGIApp, image_sources: str = "'self'") -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": _policy(image_sources),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "X-Robots-Tag": "noindex",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers to its response."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def csrf_token(session_token: str) -> str:
    """The token that every form of a session must carry.

    It is derived from the session's cookie, which no script and no other site can read. The
    derivation is one-way, so a page's text does not reveal the cookie.
    """
    return hashlib.sha256(f"bottega.csrf:{session_token}".encode()).hexdigest()


def check_origin(request: Request, services: Services) -> None:
    """Refuse a form that a page of another site sends.

    Raises:
        ProblemError: the browser names another origin, or none.
    """
    own = {_request_origin(request), services.settings.public_url.rstrip("/")}
    if request.headers.get("Origin") not in own - {""}:
        raise ProblemError(403, "forbidden", "this form was not sent from our own page")


def site_url(request: Request, services: Services) -> str:
    """The service's base URL without a trailing slash, also within a mounted application."""
    return services.settings.public_url.rstrip("/") or _request_origin(request)


def _request_origin(request: Request) -> str:
    return str(request.base_url.replace(path="", query="")).rstrip("/")


async def check_form(request: Request, services: Services, csrf: str) -> None:
    """Refuse a form that was not sent from a page of this session.

    Raises:
        ProblemError: its origin or its token is wrong.
    """
    check_origin(request, services)
    sent = request.headers.get(CSRF_HEADER) or str((await request.form()).get(CSRF_FIELD, ""))
    if not hmac.compare_digest(sent.encode(), csrf.encode()):
        raise ProblemError(403, "forbidden", "this form is out of date; load its page again")


def is_secure(request: Request, services: Services) -> bool:
    """True when the browser reaches the service by https."""
    return request.url.scheme == "https" or services.settings.public_url.startswith("https://")
