"""The signed-in operator of a request, and the permission to change things."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from api.core.errors import ProblemError
from api.core.request_log import request_id
from api.middleware.rate_limit import rate_limit_problem
from api.resources.credentials import Credential
from api.services import Services, ServicesDep
from api.web.shared.security import check_form, csrf_token
from api.web.shared.session_cookie import SessionCookie
from api.web.shared.sign_in import SignedOutError
from db.operators.audit import Actor
from db.tenants import sessions as key_sessions
from db.tenants.api_keys import OperatorRole

REQUESTS_PER_MINUTE = 1_200
"""The most requests of one operator's sessions: twenty pages that refresh every second."""

COOKIE = SessionCookie("bottega_session", path="/dashboard")


@dataclass(frozen=True)
class CurrentOperator:
    """An operator who is signed in.

    Attributes:
        expires_at: the moment from which the key is refused; None for never.
        csrf: the token that each form of this session must carry.
        token: the session's own, of its cookie.
    """

    key_id: str
    name: str
    role: OperatorRole
    expires_at: datetime | None
    csrf: str
    token: str = field(repr=False)

    @property
    def credential(self) -> Credential:
        """The session, to be looked at again while a request is open."""
        return Credential(self.key_id, self.token)

    @property
    def may_write(self) -> bool:
        """True when the key's role may change things."""
        return self.role == OperatorRole.OPERATOR

    @property
    def actor(self) -> Actor:
        """The operator as the audit log names them."""
        return Actor(self.key_id, self.name, request_id() or "")


async def _current_operator(request: Request, services: ServicesDep) -> CurrentOperator:
    token = request.cookies.get(COOKIE.under(services.settings).name)
    if not token:
        raise SignedOutError
    operator = await run_in_threadpool(_find_operator, services, token)
    if operator is None:
        raise SignedOutError
    status = await services.rate_limiter.count_against(REQUESTS_PER_MINUTE, operator.key_id)
    if status is not None and not status.allowed:
        raise rate_limit_problem(status)
    return operator


def _find_operator(services: Services, token: str) -> CurrentOperator | None:
    with services.database.autocommit() as session:
        key = key_sessions.find_operator(session, token)
    if key is None:
        return None
    services.key_uses.note(key.id)
    role = OperatorRole(key.role or "")
    return CurrentOperator(key.id, key.name, role, key.expires_at, csrf_token(token), token)


def is_open(services: Services, token: str) -> bool:
    """True when the token opens an operator's session."""
    return _find_operator(services, token) is not None


CurrentOperatorDep = Annotated[CurrentOperator, Depends(_current_operator)]
"""The signed-in operator, who may look at everything. The request counts against a limit."""


async def _form_operator(
    request: Request, services: ServicesDep, operator: CurrentOperatorDep
) -> CurrentOperator:
    await check_form(request, services, operator.csrf)
    return operator


FormOperatorDep = Annotated[CurrentOperator, Depends(_form_operator)]
"""The signed-in operator who sends a form from one of our own pages."""


async def _writer(operator: FormOperatorDep) -> CurrentOperator:
    if not operator.may_write:
        raise ProblemError(403, "forbidden", "this key may look at everything and change nothing")
    return operator


WriterDep = Annotated[CurrentOperator, Depends(_writer)]
"""The signed-in operator who sends a form and may change things."""
