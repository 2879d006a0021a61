"""Sign-in with an operator's key, and sign-out."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from api.services import ServicesDep
from api.web.dashboard.pages import page
from api.web.dashboard.session import COOKIE, FormOperatorDep
from api.web.shared.sign_in import KeyRefusedError, SignIn
from db.tenants import api_keys
from db.tenants.api_keys import Identity, InvalidKeyError

router = APIRouter()

HOME = "/dashboard/"
FORM_PATH = "/dashboard/sign-in"
_REFUSED = "This is not an operator's key, or the key was revoked or has expired."


def _identify(session: Session, key: str) -> Identity:
    try:
        identity = api_keys.identify(session, key)
    except InvalidKeyError:
        raise KeyRefusedError(_REFUSED) from None
    if not identity.is_operator:
        raise KeyRefusedError(_REFUSED)
    return identity


_sign_in = SignIn(
    "dashboard",
    COOKIE,
    home=HOME,
    form_path=FORM_PATH,
    identify=_identify,
    is_for_operators=True,
)


@router.get("/sign-in")
def show_sign_in(request: Request) -> HTMLResponse:
    """The form that asks for a key."""
    return page(request, "sign_in.html", problem=None)


@router.post("/sign-in")
def sign_in(
    request: Request, services: ServicesDep, key: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """Open a session under a new cookie, and close the browser's former session."""

    def render_form(problem: str, status: int) -> Response:
        return page(request, "sign_in.html", status=status, problem=problem)

    return _sign_in.sign_in(request, services, key, render_form)


@router.post("/sign-out")
def sign_out(request: Request, services: ServicesDep, _operator: FormOperatorDep) -> Response:
    """Close the session, so that its cookie is worthless everywhere."""
    return _sign_in.sign_out(request, services)
