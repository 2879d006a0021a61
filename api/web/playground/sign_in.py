"""Sign-in with a tenant's key, and sign-out; on the local stack, sign-in without a key."""

import ipaddress
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from api.services import Services, ServicesDep
from api.web.playground.pages import page
from api.web.playground.session import COOKIE, CurrentTenant, WriterDep, current_tenant
from api.web.shared.sign_in import KeyRefusedError, SignedOutError, SignIn
from db.tenants import api_keys
from db.tenants.api_keys import Identity, InvalidKeyError
from db.tenants.tenants import TenantSuspendedError

router = APIRouter()

HOME = "/"
FORM_PATH = "/playground/sign-in"
_PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_INVALID = "This key is not valid: check it, or ask the service's operator for another."
_OPERATOR_KEY = "This is an operator's key: it opens the dashboard. Paste a tenant's key here."
_SUSPENDED = "This key's tenant is suspended: ask the service's operator."


def _identify(session: Session, key: str) -> Identity:
    try:
        identity = api_keys.identify(session, key)
    except InvalidKeyError:
        raise KeyRefusedError(_INVALID) from None
    except TenantSuspendedError:
        raise KeyRefusedError(_SUSPENDED) from None
    if identity.is_operator:
        raise KeyRefusedError(_OPERATOR_KEY)
    return identity


_sign_in = SignIn("playground", COOKIE, home=HOME, form_path=FORM_PATH, identify=_identify)


@router.get("/sign-in")
def show_sign_in(request: Request, services: ServicesDep) -> HTMLResponse:
    """The form that asks for a key."""
    return _form_page(request, services, problem=None)


def _form_page(
    request: Request, services: Services, *, problem: str | None, status: int = 200
) -> HTMLResponse:
    return page(
        request,
        "sign_in.html",
        status=status,
        problem=problem,
        needs_no_key=may_enter_without_key(request, services),
        is_operator_key=problem == _OPERATOR_KEY,
    )


@router.post("/sign-in")
def sign_in(
    request: Request, services: ServicesDep, key: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """Open a session under a new cookie, and close the browser's former session."""

    def render_form(problem: str, status: int) -> Response:
        return _form_page(request, services, problem=problem, status=status)

    return _sign_in.sign_in(request, services, key, render_form)


@router.post("/sign-out")
def sign_out(request: Request, services: ServicesDep, _tenant: WriterDep) -> Response:
    """Close the session, so that its cookie is worthless everywhere."""
    return _sign_in.sign_out(request, services)


def require_session(request: Request, services: Services) -> tuple[CurrentTenant, str | None]:
    """The signed-in tenant, and the token of the session if it was opened by this call.

    Raises:
        SignedOutError: nobody is signed in, and the browser may not enter without a key.
    """
    tenant = current_tenant(services, request.cookies.get(COOKIE.name))
    if tenant is not None:
        return tenant, None
    if not may_enter_without_key(request, services):
        raise SignedOutError
    try:
        key = services.settings.playground_key.get_secret_value()
        token = _sign_in.open_session(request, services, key)
    except KeyRefusedError:
        raise SignedOutError from None
    tenant = current_tenant(services, token)
    if tenant is None:
        raise SignedOutError
    return tenant, token


def may_enter_without_key(request: Request, services: Services) -> bool:
    """True when the browser runs on this machine, and the local stack has a key for it.

    The request must also name this machine as its host: another site could let its own name
    resolve to this machine. A request through a proxy can come from anywhere.
    """
    if not services.settings.playground_key.get_secret_value():
        return False
    if any(name in request.headers for name in _PROXY_HEADERS):
        return False
    client = request.client.host if request.client else ""
    return _is_loopback(client) and _is_loopback(request.url.hostname or "")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
