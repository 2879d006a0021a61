"""Authentication of operators: the key, its role, and the request id for the audit log."""

from typing import Annotated

from fastapi import Depends, Header
from fastapi.concurrency import run_in_threadpool

from api.auth.tenant import KeyDep
from api.core.errors import ProblemError, operator_only
from api.core.request_log import HEADER, request_id
from api.services import ServicesDep
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


async def _reader(identity: OperatorDep) -> Actor:
    return Actor(identity.key_id, identity.name, request_id() or "")


ReaderDep = Annotated[Actor, Depends(_reader)]
"""The operator or viewer who reads something that the audit log notes."""


async def _writer(
    identity: OperatorDep,
    reader: ReaderDep,
    _x_request_id: Annotated[
        str | None,
        Header(
            alias=HEADER.lower(),
            description="Your own id, of at most 100 letters, digits and `._~:/+=@#-`: the answer "
            "has it, and the audit log stores it; any other is replaced",
        ),
    ] = None,
) -> Actor:
    if identity.role != OperatorRole.OPERATOR:
        raise ProblemError(403, "read_only", "this key may look at everything and change nothing")
    return reader


WriterDep = Annotated[Actor, Depends(_writer)]
"""The operator who may change things, in the form that the audit log stores."""
