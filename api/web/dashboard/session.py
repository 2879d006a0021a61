"""Who is signed in: found by the cookie, and what they may do."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from api.core.errors import ProblemError
from api.services import Services, ServicesDep
from api.web.shared.guard import check_form, csrf_of
from api.web.shared.session_cookie import SessionCookie
from db.operators.audit import Actor
from db.tenants import sessions as key_sessions
from db.tenants.api_keys import OperatorRole

COOKIE = SessionCookie("bottega_session", path="/dashboard")


@dataclass(frozen=True)
class CurrentOperator:
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


async def _current(request: Request, services: ServicesDep) -> CurrentOperator:
    token = request.cookies.get(COOKIE.name)
    if not token:
        raise SignedOutError
    current = await run_in_threadpool(_find, services, token)
    if current is None:
        raise SignedOutError
    return current


def _find(services: Services, token: str) -> CurrentOperator | None:
    with services.database.single_statements() as session:
        key = key_sessions.find_operator(session, token)
    if key is None:
        return None
    return CurrentOperator(key.id, key.name, OperatorRole(key.role or ""), csrf_of(token))


CurrentOperatorDep = Annotated[CurrentOperator, Depends(_current)]
"""Whoever is signed in; they may look at everything."""


async def _form_operator(
    request: Request, services: ServicesDep, current: CurrentOperatorDep
) -> CurrentOperator:
    await check_form(request, services, current.csrf)
    return current


FormOperatorDep = Annotated[CurrentOperator, Depends(_form_operator)]
"""Whoever is signed in and sends a form of one of our own pages."""


async def _writer(current: FormOperatorDep) -> CurrentOperator:
    if not current.may_write:
        raise ProblemError(403, "forbidden", "this key may look at everything and change nothing")
    return current


WriterDep = Annotated[CurrentOperator, Depends(_writer)]
"""Whoever sends a form and may change things."""
