"""What keeps other sites out of our pages: headers, a form's token, and its origin."""

import hashlib
import hmac

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.core.errors import ProblemError
from api.services import Services

CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"


def _policy(pictures: str) -> str:
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {pictures}; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


class GuardedHeaders:
    """ASGI middleware: the security headers, and `no-store` on whatever says nothing else.

    Args:
        app: what answers.
        pictures: where a page may have pictures from, as the content policy writes it.
    """

    def __init__(self, app: ASGIApp, pictures: str = "'self'") -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": _policy(pictures),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "X-Robots-Tag": "noindex",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, adding to its answer's headers."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_guarded)


def csrf_of(token: str) -> str:
    """A session's form token: it follows from the cookie, which no script and no other site reads.

    One-way, so that a page's text does not give the cookie away.
    """
    return hashlib.sha256(f"bottega.csrf:{token}".encode()).hexdigest()


def check_origin(request: Request, services: Services) -> None:
    """Refuse a form that another site's page sends.

    Raises:
        ProblemError: the browser names another origin, or none.
    """
    own = {_asked_at(request), services.settings.public_url.rstrip("/")}
    if request.headers.get("Origin") not in own - {""}:
        raise ProblemError(403, "forbidden", "this form was not sent from our own page")


def site_url(request: Request, services: Services) -> str:
    """Where the service is reached, without a trailing slash; from a mounted application, too."""
    return services.settings.public_url.rstrip("/") or _asked_at(request)


def _asked_at(request: Request) -> str:
    return str(request.base_url.replace(path="", query="")).rstrip("/")


async def check_form(request: Request, services: Services, csrf: str) -> None:
    """Refuse a form that none of this session's pages sends.

    Raises:
        ProblemError: its origin or its token is another's.
    """
    check_origin(request, services)
    given = request.headers.get(CSRF_HEADER) or str((await request.form()).get(CSRF_FIELD, ""))
    if not hmac.compare_digest(given.encode(), csrf.encode()):
        raise ProblemError(403, "forbidden", "this form is out of date; load its page again")


def is_secure(request: Request, services: Services) -> bool:
    """Whether the browser reaches us by https."""
    return request.url.scheme == "https" or services.settings.public_url.startswith("https://")
