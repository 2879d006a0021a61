"""Protection of the pages against other sites: their headers, form tokens, origin checks."""

import hashlib
import hmac
from urllib.parse import urlsplit

from fastapi import Request

from api.core.errors import ProblemError
from api.core.urls import is_own_host
from api.services import Services

CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"
_FOREIGN_FORM = (
    "this form was not sent from our own page; if it was, BOTTEGA_PUBLIC_URL must be the address "
    "by which browsers reach the service"
)


PAGE_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
}
"""Headers of pages beside the usual ones; what may be cached says so itself."""


def page_policy(image_sources: str = "'self'") -> str:
    """The content security policy of pages.

    Args:
        image_sources: the origins that a page may load images from, as a policy writes them.
    """
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {image_sources}; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


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
    origin = request.headers.get("Origin")
    own = {_request_origin(request)} if _names_own_host(request, services) else set()
    if origin is None or origin not in own | {_public_origin(services)}:
        raise ProblemError(403, "forbidden", _FOREIGN_FORM)


def _public_origin(services: Services) -> str:
    public = urlsplit(services.settings.public_url)
    return f"{public.scheme}://{public.netloc}"


def _names_own_host(request: Request, services: Services) -> bool:
    return is_own_host(request.url.hostname or "", services.settings)


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
