"""ASGI middleware: a call without a usable key is refused before its body is received.

The framework receives and parses a body before it asks a route's dependencies for the key.
"""

from collections.abc import Collection

from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.core.client_address import client_address
from api.core.domain_errors import TooManyWrongKeysError
from api.core.errors import ProblemError, operator_only, problem_of, tenant_only
from api.core.metrics import count_refused
from api.core.refusal import refuse
from api.core.request_key import ConflictingKeysError, find_key
from api.core.surfaces import missing_key_of, surface_of
from api.services import Services
from db.tenants.api_keys import Identity, InvalidKeyError
from db.tenants.tenants import TenantSuspendedError

PREFIX = "/v1/"
IDENTITY = "bottega.identity"
"""The scope's entry with the `Identity` of the caller, None for a call without a key."""

_REFUSALS = (
    ProblemError,
    ConflictingKeysError,
    InvalidKeyError,
    SQLAlchemyError,
    TenantSuspendedError,
    TooManyWrongKeysError,
)


class Authentication:
    """Identifies the caller of each call below `/v1/`, and of the compatible APIs.

    A cached identity is taken as it is: the route checks for revocation after the body.

    Args:
        app: the application behind it.
        guarded: the first segments below `/v1/` of all calls that need a key.
        operators: those of them that need an operator's.
    """

    def __init__(
        self, app: ASGIApp, guarded: Collection[str], operators: Collection[str] = ("admin",)
    ) -> None:
        self._app = app
        self._guarded = frozenset(guarded)
        self._operators = frozenset(operators)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, or refuse it."""
        if scope["type"] == "http" and (surface_of(scope) or scope["path"].startswith(PREFIX)):
            try:
                scope[IDENTITY] = await self._identity(scope)
            except _REFUSALS as error:
                count_refused("key")
                await refuse(problem_of(error), scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _identity(self, scope: Scope) -> Identity | None:
        needs_key = self._needs_key(scope)
        key = find_key(Headers(scope=scope))
        if key is None:
            if needs_key:
                raise missing_key_of(scope)
            return None
        services: Services = scope["app"].state.services
        try:
            identity = await services.key_lookups.identify(key, client_address(scope))
        except (InvalidKeyError, SQLAlchemyError, TenantSuspendedError):
            if needs_key:
                raise
            return None
        if needs_key:
            self._check_role(identity, _segment(scope))
        return identity

    def _needs_key(self, scope: Scope) -> bool:
        if (surface := surface_of(scope)) is not None:
            return not surface.is_open(scope["path"])
        return _segment(scope) in self._guarded

    def _check_role(self, identity: Identity, segment: str) -> None:
        if segment in self._operators:
            if not identity.is_operator:
                raise operator_only()
        elif identity.is_operator:
            raise tenant_only()


def _segment(scope: Scope) -> str:
    """The first segment below `/v1/` of the service's own API; "" elsewhere."""
    path: str = scope["path"]
    return path[len(PREFIX) :].partition("/")[0] if path.startswith(PREFIX) else ""
