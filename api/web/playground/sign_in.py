"""Signing in with a tenant's key, and out; the local stack's own tenant without being asked."""

import ipaddress
from typing import Annotated

import structlog
from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.services import Services, ServicesDep
from api.web.playground.pages import page
from api.web.playground.session import (
    COOKIE,
    CurrentTenant,
    SignedOutError,
    WriterDep,
    current_tenant,
)
from api.web.shared.guard import check_origin, is_secure
from api.web.shared.session_cookie import SESSION_SECONDS
from api.web.shared.throttle import SignInThrottle
from db.tenants import api_keys
from db.tenants import sessions as key_sessions
from db.tenants.api_keys import InvalidKeyError
from db.tenants.tenants import TenantSuspendedError

router = APIRouter()

HOME = "/"
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_WRONG = "This key is not valid: check it, or ask whoever runs this service for another."
_OPERATORS = "This is an operator's key: it opens the dashboard. Paste a tenant's key here."
_SUSPENDED = "This key's tenant is suspended: ask whoever runs this service."
_log = structlog.get_logger(__name__)
_throttle = SignInThrottle()


class _RefusedError(Exception):
    """A key that opens no session; `str()` of it tells the visitor why."""


@router.get("/sign-in")
def ask_for_key(request: Request, services: ServicesDep) -> HTMLResponse:
    """The form that asks for a key."""
    return _door(request, services, problem=None)


def _door(
    request: Request, services: Services, *, problem: str | None, status: int = 200
) -> HTMLResponse:
    local = signs_in_by_itself(request, services)
    operators = problem == _OPERATORS
    return page(
        request, "sign_in.html", status=status, problem=problem, local=local, operators=operators
    )


@router.post("/sign-in")
def sign_in(
    request: Request, services: ServicesDep, key: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """Open a session under a fresh cookie; a session that the browser had is closed."""
    check_origin(request, services)
    address = request.client.host if request.client else ""
    wait = _throttle.wait_seconds(address)
    if wait:
        problem = f"Too many attempts from here. Try again in {wait} s."
        answer = _door(request, services, problem=problem, status=429)
        answer.headers["Retry-After"] = str(wait)
        return answer
    try:
        token = _open_session(services, key.strip(), request.cookies.get(COOKIE.name))
    except _RefusedError as refused:
        _throttle.failed(address)
        _log.warning("playground_sign_in_refused")
        return _door(request, services, problem=str(refused), status=401)
    _throttle.succeeded(address)
    response = RedirectResponse(HOME, 303)
    COOKIE.set_on(response, token, secure=is_secure(request, services))
    return response


def _open_session(services: Services, key: str, former: str | None) -> str:
    with services.database.transaction() as session:
        try:
            identity = api_keys.identify(session, key)
        except InvalidKeyError:
            raise _RefusedError(_WRONG) from None
        except TenantSuspendedError:
            raise _RefusedError(_SUSPENDED) from None
        if identity.is_operator:
            raise _RefusedError(_OPERATORS)
        if former:
            key_sessions.end(session, former)
        return key_sessions.start(session, identity.key_id, seconds=SESSION_SECONDS)


def enter(request: Request, services: Services) -> tuple[CurrentTenant, str | None]:
    """Whoever opens the page, and the token of a session that was opened for them just now.

    Raises:
        SignedOutError: nobody is signed in, and nobody is by themselves.
    """
    current = current_tenant(services, request.cookies.get(COOKIE.name))
    if current is not None:
        return current, None
    if not signs_in_by_itself(request, services):
        raise SignedOutError
    try:
        token = _open_session(services, services.settings.playground_key.get_secret_value(), None)
    except _RefusedError:
        raise SignedOutError from None
    opened = current_tenant(services, token)
    if opened is None:
        raise SignedOutError
    return opened, token


def signs_in_by_itself(request: Request, services: Services) -> bool:
    """Whether a browser on this very machine asks, and there is a key for it.

    It must name this machine, too: the page of another site may have its own name lead here.
    What a proxy passes on comes from anywhere.
    """
    if not services.settings.playground_key.get_secret_value():
        return False
    if any(name in request.headers for name in _FORWARDED):
        return False
    asker = request.client.host if request.client else ""
    return _is_loopback(asker) and _is_loopback(request.url.hostname or "")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@router.post("/sign-out")
def sign_out(request: Request, services: ServicesDep, _current: WriterDep) -> Response:
    """Close the session; its cookie opens nothing any more, wherever it is."""
    with services.database.transaction() as session:
        key_sessions.end(session, request.cookies[COOKIE.name])
    response = RedirectResponse("/playground/sign-in", 303)
    COOKIE.take_from(response)
    return response
