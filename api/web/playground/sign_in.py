"""Sign-in with a tenant's key or by a one-time link, and sign-out."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from api.services import ServicesDep
from api.web.playground.pages import page
from api.web.playground.session import COOKIE, WriterDep
from api.web.shared.sign_in import KeyRefusedError, SignIn
from db.tenants import api_keys
from db.tenants.api_keys import Identity, InvalidKeyError
from db.tenants.tenants import TenantSuspendedError

router = APIRouter()

HOME = "/"
FORM_PATH = "/playground/sign-in"
_INVALID = "This key is not valid: check it, or ask the service's operator for another."
_OPERATOR_KEY = "This is an operator's key: it opens the dashboard. Paste a tenant's key here."
_USED_LINK = (
    "This link was used before, or is out of date. `bottega sign-in-link` prints another, on the "
    "machine of the local stack."
)
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
def show_sign_in(
    request: Request, services: ServicesDep, link: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """The form that asks for a key; a one-time link opens a session without it."""
    if not link:
        return _form_page(request, problem=None)
    return _sign_in.follow_link(request, services, link) or _form_page(
        request, problem=_USED_LINK, status=401
    )


def _form_page(request: Request, *, problem: str | None, status: int = 200) -> HTMLResponse:
    return page(
        request,
        "sign_in.html",
        status=status,
        problem=problem,
        is_operator_key=problem == _OPERATOR_KEY,
    )


@router.post("/sign-in")
def sign_in(
    request: Request, services: ServicesDep, key: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """Open a session under a new cookie, and close the browser's former session."""

    def render_form(problem: str, status: int) -> Response:
        return _form_page(request, problem=problem, status=status)

    return _sign_in.sign_in(request, services, key, render_form)


@router.post("/sign-out")
def sign_out(request: Request, services: ServicesDep, _tenant: WriterDep) -> Response:
    """Close the session, so that its cookie is worthless everywhere."""
    return _sign_in.sign_out(request, services)
