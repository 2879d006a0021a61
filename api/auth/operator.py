"""Authentication of operators: the key, its role, and the request id for the audit log."""

from typing import Annotated

from fastapi import Depends, Header, Response
from fastapi.concurrency import run_in_threadpool

from api.auth.tenant import KeyDep
from api.core.errors import ProblemError, operator_only
from api.services import ServicesDep
from db.core.base import new_id
from db.operators.audit import Actor
from db.tenants.api_keys import Identity, OperatorRole

PREFIX = "/v1/admin"
"""The path prefix of all calls for operators."""


async def _operator(key: KeyDep, services: ServicesDep) -> Identity:
    identity = await run_in_threadpool(services.key_cache.identify, key)
    if not identity.is_operator:
        raise operator_only()
    return identity


OperatorDep = Annotated[Identity, Depends(_operator)]
"""The identity of an operator or a viewer: may read."""


async def _writer(
    identity: OperatorDep,
    response: Response,
    x_request_id: Annotated[
        str | None,
        Header(pattern=r"^[!-~]{1,100}$", description="Your own id; the audit log stores it"),
    ] = None,
) -> Actor:
    if identity.role != OperatorRole.OPERATOR:
        raise ProblemError(403, "read_only", "this key may look at everything and change nothing")
    request_id = x_request_id or new_id("req")
    response.headers["X-Request-Id"] = request_id
    return Actor(identity.key_id, identity.name, request_id)


WriterDep = Annotated[Actor, Depends(_writer)]
"""The operator who may change things, in the form that the audit log stores."""
