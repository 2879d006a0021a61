"""Who is at the playground: a tenant, found by the cookie."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from api.auth.tenant import Sender
from api.core.request_log import note
from api.middleware.rate_limit import refusal
from api.services import Services, ServicesDep
from api.web.shared.guard import check_form, csrf_of
from api.web.shared.session_cookie import SessionCookie
from db.tenants import sessions as key_sessions

COOKIE = SessionCookie("bottega_playground", path="/")


@dataclass(frozen=True)
class Visitor:
    """A tenant who is signed in.

    Attributes:
        csrf: what each of this session's forms must carry.
    """

    tenant_id: str
    key_id: str
    csrf: str

    @property
    def sender(self) -> Sender:
        """As whoever submits."""
        return Sender(self.tenant_id, self.key_id)


class SignedOutError(Exception):
    """Nobody is signed in; the visitor is led to the sign-in."""


def visitor_of(services: Services, token: str | None) -> Visitor | None:
    """Whose session a cookie's token opens; None when it opens none."""
    if not token:
        return None
    with services.database.single_statements() as session:
        key = key_sessions.find_tenant(session, token)
    if key is None or key.tenant_id is None:
        return None
    note(tenant_id=key.tenant_id, key_id=key.id)
    return Visitor(key.tenant_id, key.id, csrf_of(token))


async def _visitor(request: Request, services: ServicesDep) -> Visitor:
    token = request.cookies.get(COOKIE.name)
    visitor = await run_in_threadpool(visitor_of, services, token)
    if visitor is None:
        raise SignedOutError
    return visitor


VisitorDep = Annotated[Visitor, Depends(_visitor)]
"""Whoever is signed in."""


async def _writer(request: Request, services: ServicesDep, visitor: VisitorDep) -> Visitor:
    await check_form(request, services, visitor.csrf)
    standing = await services.rate_limits.count(visitor.tenant_id, visitor.key_id)
    if standing is not None and not standing.allowed:
        raise refusal(standing)
    return visitor


WriterDep = Annotated[Visitor, Depends(_writer)]
"""Whoever is signed in and sends something from one of our own pages; it counts as a call of
their key's, as it would at the API."""


async def _form(request: Request, _writer: WriterDep) -> FormData:
    return await request.form()


FormDep = Annotated[FormData, Depends(_form)]
"""What they send, once it is known to be theirs."""
