"""Signing in with an operator's key, and out."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.services import Services, ServicesDep
from api.web.dashboard.pages import page
from api.web.dashboard.session import COOKIE, FormOperatorDep
from api.web.shared.guard import check_origin, is_secure
from api.web.shared.session_cookie import SESSION_SECONDS
from api.web.shared.throttle import SignInThrottle
from db.tenants import api_keys
from db.tenants import sessions as key_sessions
from db.tenants.api_keys import InvalidKeyError

router = APIRouter()

HOME = "/dashboard/"
_WRONG = "This is not an operator's key, or it has been revoked."
_log = structlog.get_logger(__name__)
_throttle = SignInThrottle()


@router.get("/sign-in")
def ask_for_key(request: Request) -> HTMLResponse:
    """The form that asks for a key."""
    return page(request, "sign_in.html", problem=None)


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
        answer = page(request, "sign_in.html", status=429, problem=problem)
        answer.headers["Retry-After"] = str(wait)
        return answer
    token = _open_session(services, key.strip(), request.cookies.get(COOKIE.name))
    if token is None:
        _throttle.failed(address)
        _log.warning("dashboard_sign_in_refused")
        return page(request, "sign_in.html", status=401, problem=_WRONG)
    _throttle.succeeded(address)
    response = RedirectResponse(HOME, 303)
    COOKIE.set_on(response, token, secure=is_secure(request, services))
    return response


def _open_session(services: Services, key: str, former: str | None) -> str | None:
    with services.database.transaction() as session:
        try:
            identity = api_keys.identify(session, key)
        except InvalidKeyError:
            return None
        if not identity.is_operator:
            return None
        if former:
            key_sessions.end(session, former)
        return key_sessions.start(session, identity.key_id, seconds=SESSION_SECONDS)


@router.post("/sign-out")
def sign_out(request: Request, services: ServicesDep, _form_operator: FormOperatorDep) -> Response:
    """Close the session; its cookie opens nothing any more, wherever it is."""
    with services.database.transaction() as session:
        key_sessions.end(session, request.cookies[COOKIE.name])
    response = RedirectResponse(f"{HOME}sign-in", 303)
    COOKIE.take_from(response)
    return response
