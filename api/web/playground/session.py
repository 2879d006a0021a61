"""The signed-in tenant of a request, and the forms that they send."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from api.auth.tenant import Caller
from api.core.request_log import add_log_fields
from api.middleware.rate_limit import rate_limit_problem
from api.resources.credentials import Credential
from api.services import Services, ServicesDep
from api.web.shared.security import check_form, csrf_token
from api.web.shared.session_cookie import SessionCookie
from api.web.shared.sign_in import SignedOutError
from db.tenants import sessions as key_sessions

COOKIE = SessionCookie("bottega_playground", path="/")


@dataclass(frozen=True)
class CurrentTenant:
    """A tenant who is signed in.

    Attributes:
        key_id: the key that opened the session.
        csrf: the token that each form of this session must carry.
        token: the session's own, of its cookie.
    """

    id: str
    key_id: str
    csrf: str
    token: str = field(repr=False)

    @property
    def credential(self) -> Credential:
        """The session, to be looked at again while a request is open."""
        return Credential(self.key_id, self.token)

    @property
    def caller(self) -> Caller:
        """The tenant as the caller of the API."""
        return Caller(self.id, self.key_id)


def current_tenant(services: Services, token: str | None) -> CurrentTenant | None:
    """The tenant of the session that a cookie's token opens; None when it opens none."""
    if not token:
        return None
    with services.database.autocommit() as session:
        key = key_sessions.find_tenant(session, token)
    if key is None or key.tenant_id is None:
        return None
    services.key_uses.note(key.id)
    add_log_fields(tenant_id=key.tenant_id, key_id=key.id)
    return CurrentTenant(key.tenant_id, key.id, csrf_token(token), token)


def is_open(services: Services, token: str) -> bool:
    """True when the token opens a tenant's session."""
    return current_tenant(services, token) is not None


async def _current_tenant(request: Request, services: ServicesDep) -> CurrentTenant:
    token = request.cookies.get(COOKIE.under(services.settings).name)
    tenant = await run_in_threadpool(current_tenant, services, token)
    if tenant is None:
        raise SignedOutError
    await count_request(services, tenant)
    return tenant


async def count_request(services: Services, tenant: CurrentTenant) -> None:
    """Count a request against the rate limit of the session's key, as a call of the API.

    Raises:
        api.core.errors.ProblemError: 429, the key is beyond its limit.
    """
    status = await services.rate_limiter.count(tenant.id, tenant.key_id)
    if status is not None and not status.allowed:
        raise rate_limit_problem(status)


CurrentTenantDep = Annotated[CurrentTenant, Depends(_current_tenant)]
"""The signed-in tenant. The request counts against the rate limit of their key."""


async def _writer(
    request: Request, services: ServicesDep, tenant: CurrentTenantDep
) -> CurrentTenant:
    await check_form(request, services, tenant.csrf)
    return tenant


WriterDep = Annotated[CurrentTenant, Depends(_writer)]
"""The signed-in tenant who sends a form from one of our own pages."""


async def _form(request: Request, _tenant: WriterDep) -> FormData:
    return await request.form()


FormDep = Annotated[FormData, Depends(_form)]
"""The form's data, after the check that it comes from one of our own pages."""
