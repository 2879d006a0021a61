"""Who is signed in: found by the cookie, and what they may do."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from api.errors import ProblemError
from api.services import Services, ServicesDep
from db import operator_sessions
from db.api_keys import OperatorRole
from db.audit import Actor

COOKIE = "bottega_session"
COOKIE_PATH = "/dashboard"
SESSION_SECONDS = 8 * 3600
CSRF_FIELD = "csrf"


@dataclass(frozen=True)
class Visitor:
    """An operator who is signed in.

    Attributes:
        csrf: what each of this session's forms must carry.
    """

    key_id: str
    name: str
    role: OperatorRole
    csrf: str

    @property
    def may_write(self) -> bool:
        """Whether the key's role lets it change anything."""
        return self.role == OperatorRole.OPERATOR

    @property
    def actor(self) -> Actor:
        """As the audit log names them."""
        return Actor(self.key_id, self.name)


class SignedOutError(Exception):
    """Nobody is signed in; the visitor is led to the sign-in."""


def csrf_of(token: str) -> str:
    """A session's form token: it follows from the cookie, which no script and no other site reads.

    One-way, so that a page's text does not give the cookie away.
    """
    return hashlib.sha256(f"bottega.csrf:{token}".encode()).hexdigest()


async def _visitor(request: Request, services: ServicesDep) -> Visitor:
    token = request.cookies.get(COOKIE)
    if not token:
        raise SignedOutError
    visitor = await run_in_threadpool(_find, services, token)
    if visitor is None:
        raise SignedOutError
    return visitor


def _find(services: Services, token: str) -> Visitor | None:
    with services.database.single_statements() as session:
        key = operator_sessions.find(session, token)
    if key is None:
        return None
    return Visitor(key.id, key.name, OperatorRole(key.role or ""), csrf_of(token))


VisitorDep = Annotated[Visitor, Depends(_visitor)]
"""Whoever is signed in; they may look at everything."""


async def _sender(request: Request, services: ServicesDep, visitor: VisitorDep) -> Visitor:
    check_origin(request, services)
    form = await request.form()
    if not hmac.compare_digest(str(form.get(CSRF_FIELD, "")).encode(), visitor.csrf.encode()):
        raise ProblemError(403, "forbidden", "this form is out of date; load its page again")
    return visitor


SenderDep = Annotated[Visitor, Depends(_sender)]
"""Whoever is signed in and sends a form of one of our own pages."""


async def _writer(visitor: SenderDep) -> Visitor:
    if not visitor.may_write:
        raise ProblemError(403, "forbidden", "this key may look at everything and change nothing")
    return visitor


WriterDep = Annotated[Visitor, Depends(_writer)]
"""Whoever sends a form and may change things."""


def check_origin(request: Request, services: Services) -> None:
    """Refuse a form that another site's page sends.

    Raises:
        ProblemError: the browser names another origin, or none.
    """
    public = services.settings.public_url.rstrip("/")
    own = {str(request.base_url.replace(path="", query="")).rstrip("/"), public}
    if request.headers.get("Origin") not in own - {""}:
        raise ProblemError(403, "forbidden", "this form was not sent from the dashboard")


def is_secure(request: Request, services: Services) -> bool:
    """Whether the browser reaches us by https."""
    return request.url.scheme == "https" or services.settings.public_url.startswith("https://")
