"""Who is at the playground: a tenant, found by the cookie."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from api.auth.tenant import Caller
from api.core.request_log import note
from api.middleware.rate_limit import refusal
from api.services import Services, ServicesDep
from api.web.shared.guard import check_form, csrf_of
from api.web.shared.session_cookie import SessionCookie
from db.tenants import sessions as key_sessions

COOKIE = SessionCookie("bottega_playground", path="/")


@dataclass(frozen=True)
class CurrentTenant:
    """A tenant who is signed in.

    Attributes:
        csrf: what each of this session's forms must carry.
    """

    tenant_id: str
    key_id: str
    csrf: str

    @property
    def caller(self) -> Caller:
        """As whoever submits."""
        return Caller(self.tenant_id, self.key_id)


class SignedOutError(Exception):
    """Nobody is signed in; the visitor is led to the sign-in."""


def current_tenant(services: Services, token: str | None) -> CurrentTenant | None:
    """Whose session a cookie's token opens; None when it opens none."""
    if not token:
        return None
    with services.database.single_statements() as session:
        key = key_sessions.find_tenant(session, token)
    if key is None or key.tenant_id is None:
        return None
    note(tenant_id=key.tenant_id, key_id=key.id)
    return CurrentTenant(key.tenant_id, key.id, csrf_of(token))


async def _current(request: Request, services: ServicesDep) -> CurrentTenant:
    token = request.cookies.get(COOKIE.name)
    current = await run_in_threadpool(current_tenant, services, token)
    if current is None:
        raise SignedOutError
    return current


CurrentTenantDep = Annotated[CurrentTenant, Depends(_current)]
"""Whoever is signed in."""


async def _writer(
    request: Request, services: ServicesDep, current: CurrentTenantDep
) -> CurrentTenant:
    await check_form(request, services, current.csrf)
    standing = await services.rate_limits.count(current.tenant_id, current.key_id)
    if standing is not None and not standing.allowed:
        raise refusal(standing)
    return current


WriterDep = Annotated[CurrentTenant, Depends(_writer)]
"""Whoever is signed in and sends something from one of our own pages; it counts as a call of
their key's, as it would at the API."""


async def _form(request: Request, _writer: WriterDep) -> FormData:
    return await request.form()


FormDep = Annotated[FormData, Depends(_form)]
"""What they send, once it is known to be theirs."""
