"""Sign-in with an API key, and sign-out: the steps that both sites share."""

from collections.abc import Callable

import structlog
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.core.client_address import client_address
from api.services import Services
from api.web.shared.security import check_origin, is_secure
from api.web.shared.session_cookie import SESSION_SECONDS, SessionCookie
from api.web.shared.sign_in_audit import (
    RefusalLimit,
    record_refusal,
    record_sign_in,
    record_sign_out,
)
from api.web.shared.throttle import SignInThrottle
from db.tenants import sessions as key_sessions
from db.tenants.api_keys import Identity

_log = structlog.get_logger(__name__)


class SignedOutError(Exception):
    """The request belongs to no open session; the site redirects to its sign-in page."""


class KeyRefusedError(Exception):
    """A key that opens no session; the message says why, for the page."""


class SignIn:
    """The sign-in and sign-out of one site.

    Args:
        site: its name in the log.
        cookie: stores the session's token in the browser.
        home: path of the page after the sign-in.
        form_path: path of the page that asks for the key.
        identify: returns a key's identity, or raises `KeyRefusedError`.
        is_for_operators: enter refused sign-ins in the audit log.
    """

    def __init__(
        self,
        site: str,
        cookie: SessionCookie,
        *,
        home: str,
        form_path: str,
        identify: Callable[[Session, str], Identity],
        is_for_operators: bool = False,
    ) -> None:
        self._site = site
        self._cookie = cookie
        self._home = home
        self._form_path = form_path
        self._identify = identify
        self._throttle = SignInThrottle()
        self._refusals = RefusalLimit() if is_for_operators else None

    def sign_in(
        self,
        request: Request,
        services: Services,
        key: str,
        render_form: Callable[[str, int], Response],
    ) -> Response:
        """Open a session under a new cookie, and close the browser's former session.

        Args:
            request: the form that was sent.
            services: the process's services.
            key: the API key.
            render_form: renders the sign-in page with an error message and a status.
        """
        check_origin(request, services)
        try:
            former = request.cookies.get(self._cookie.under(services.settings).name)
            token = self.open_session(request, services, key.strip(), former=former)
        except KeyRefusedError as error:
            if self._refusals is not None and self._refusals.allows_one():
                record_refusal(services, request, key.strip())
            return self._refuse(client_address(request.scope), str(error), render_form)
        return self._enter(request, services, token)

    def _refuse(
        self, address: str, reason: str, render_form: Callable[[str, int], Response]
    ) -> Response:
        """Refuse a wrong key, and many of them with 429; a right key is never refused for them."""
        wait = self._throttle.wait_seconds(address)
        self._throttle.count_failure(address)
        _log.warning("sign_in_refused", site=self._site, client=address)
        if not wait:
            return render_form(reason, 401)
        message = f"Too many failed attempts from this address. Try again in {wait} s."
        response = render_form(message, 429)
        response.headers["Retry-After"] = str(wait)
        return response

    def open_session(
        self, request: Request, services: Services, key: str, *, former: str | None = None
    ) -> str:
        """Open a session for a key, close the former one, and return the new token.

        Raises:
            KeyRefusedError: the key may not sign in here.
        """
        with services.database.transaction() as session:
            identity = self._identify(session, key)
            record_sign_in(session, request, identity)
            if former:
                key_sessions.end(session, former)
            return key_sessions.start(session, identity.key_id, seconds=SESSION_SECONDS)

    def follow_link(self, request: Request, services: Services, link: str) -> Response | None:
        """Open a session by a one-time link; None when it was used before, or is out of date."""
        former = request.cookies.get(self._cookie.under(services.settings).name)
        with services.database.transaction() as session:
            key_id = key_sessions.redeem_link(session, link)
            if key_id is None:
                return None
            if former:
                key_sessions.end(session, former)
            token = key_sessions.start(session, key_id, seconds=SESSION_SECONDS)
        return self._enter(request, services, token)

    def _enter(self, request: Request, services: Services, token: str) -> Response:
        response = RedirectResponse(self._home, 303)
        cookie = self._cookie.under(services.settings)
        cookie.set_on(response, token, secure=is_secure(request, services))
        return response

    def sign_out(self, request: Request, services: Services) -> Response:
        """Close the session, so that its token is worthless everywhere, and delete the cookie."""
        cookie = self._cookie.under(services.settings)
        token = request.cookies[cookie.name]
        with services.database.transaction() as session:
            record_sign_out(session, request, token)
            key_sessions.end(session, token)
        response = RedirectResponse(self._form_path, 303)
        cookie.delete_from(response, secure=is_secure(request, services))
        return response


def redirect_to_sign_in(request: Request, form_path: str) -> Response:
    """Send the browser to the sign-in page.

    htmx would follow a redirect by itself and put the form into a part of the page. It gets a
    header instead that makes it load the whole page.
    """
    if request.headers.get("HX-Request") == "true":
        return Response(status_code=401, headers={"HX-Redirect": form_path})
    return RedirectResponse(form_path, 303)
