"""Authentication of tenants: `Authorization: Bearer <key>`, or `x-key: <key>`."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.security import APIKeyHeader, HTTPBearer

from api.core.errors import tenant_only
from api.core.request_key import find_key
from api.core.request_log import add_log_fields
from api.core.surfaces import missing_key_of
from api.resources.credentials import Credential
from api.services import ServicesDep
from db.tenants.api_keys import Identity


@dataclass(frozen=True)
class Caller:
    """The tenant of a request, and its API key's id."""

    tenant_id: str
    key_id: str

    @property
    def credential(self) -> Credential:
        """The key, to be looked at again while the request is open."""
        return Credential(self.key_id)


# For the OpenAPI document alone: `find_key` reads the headers, here and for the limits.
_schemes = (
    Security(HTTPBearer(auto_error=False, scheme_name="Bearer", description="An API key")),
    Security(APIKeyHeader(name="x-key", auto_error=False, scheme_name="x-key")),
)


async def optional_key(request: Request) -> str | None:
    """The API key of a call that does not require one."""
    return find_key(request.headers)


async def _key(
    request: Request,
    _bearer: Annotated[object, _schemes[0]],
    _x_key: Annotated[object, _schemes[1]],
) -> str:
    if (key := find_key(request.headers)) is None:
        raise missing_key_of(request.scope)
    return key


KeyDep = Annotated[str, Depends(_key)]


async def _identified_caller(key: KeyDep, services: ServicesDep) -> Caller:
    identity = await run_in_threadpool(services.key_cache.identify, key)
    return Caller(_tenant_of(identity), identity.key_id)


IdentifiedCallerDep = Annotated[Caller, Depends(_identified_caller)]
"""The caller of a request that stays open; the database was asked for the key just now."""


async def _tenant_id(caller: IdentifiedCallerDep) -> str:
    return caller.tenant_id


async def _caller(key: KeyDep, services: ServicesDep) -> Caller:
    identity = services.key_cache.find_cached(key)
    if identity is None:
        identity = await run_in_threadpool(services.key_cache.identify, key)
    return Caller(_tenant_of(identity), identity.key_id)


def _tenant_of(identity: Identity) -> str:
    add_log_fields(tenant_id=identity.tenant_id, key_id=identity.key_id)
    if identity.tenant_id is None:
        raise tenant_only()
    return identity.tenant_id


CallerDep = Annotated[Caller, Depends(_caller)]
"""The caller of a submission; the transaction of the submission checks for a revoked key."""

TenantId = Annotated[str, Depends(_tenant_id)]
"""The tenant that the request's key speaks for."""
