"""Who asks: `Authorization: Bearer <key>`, or `x-key: <key>`."""

from typing import Annotated

from fastapi import Depends, Header, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from api.errors import ProblemError
from api.services import ServicesDep
from db import api_keys
from db.api_keys import Identity

_bearer = HTTPBearer(auto_error=False, scheme_name="Bearer", description="An API key")
_x_key = APIKeyHeader(name="x-key", auto_error=False, scheme_name="x-key")


def _identity(
    services: ServicesDep,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    x_key: Annotated[str | None, Security(_x_key)],
) -> Identity:
    key = bearer.credentials if bearer else x_key
    if not key:
        raise ProblemError(
            401,
            "unauthorized",
            "send your API key as `Authorization: Bearer <key>`",
            {"WWW-Authenticate": "Bearer"},
        )
    with services.database.transaction(durable=False) as session:
        return api_keys.identify(session, key)


async def _tenant_id(identity: Annotated[Identity, Depends(_identity)]) -> str:
    if identity.tenant_id is None:
        raise ProblemError(403, "forbidden", "this is an operator's key; use a tenant's key here")
    return identity.tenant_id


async def optional_key(
    authorization: Annotated[str | None, Header()] = None,
    x_key: Annotated[str | None, Header()] = None,
) -> str | None:
    """The key of a call that works without one, too."""
    return (authorization or "").removeprefix("Bearer ").strip() or x_key


TenantId = Annotated[str, Depends(_tenant_id)]
"""The tenant that the request's key speaks for."""
