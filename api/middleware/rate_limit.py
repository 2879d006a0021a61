"""ASGI middleware: refuses callers beyond their rate limit before a body is received."""

from collections.abc import Mapping

from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.core.client_address import client_address, client_network
from api.core.errors import ProblemError
from api.core.metrics import count_refused
from api.core.refusal import refuse
from api.core.request_log import add_log_fields
from api.core.surfaces import surface_of
from api.middleware.authentication import IDENTITY
from api.resources.rate_limiter import RateLimitStatus
from api.services import Services
from db.tenants.api_keys import Identity

_OPEN = ("/v1/models", "/readyz", "/healthz", "/openapi.json", "/docs")
"""Paths that anyone may ask for: without a key, they are counted by address."""


class RateLimit:
    """Counts each call with a tenant's key, and calls without a key by address.

    It adds the rate limit headers, or answers 429. When a limit cannot be read, the call is
    forwarded: the route reports a database that is down. Operators' keys have no limit.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif (identity := scope.get(IDENTITY)) is not None:
            await self._by_key(identity, scope, receive, send)
        elif _is_open(scope) and (problem := await address_problem(scope)) is not None:
            await refuse(problem, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _by_key(self, identity: Identity, scope: Scope, receive: Receive, send: Send) -> None:
        status = await _count_key(scope["app"].state.services, identity)
        if status is None:
            await self._app(scope, receive, send)
        elif status.allowed:
            await self._app(scope, receive, _send_with_headers(send, status.headers))
        else:
            add_log_fields(tenant_id=identity.tenant_id, key_id=identity.key_id)
            await refuse(rate_limit_problem(status), scope, receive, send)


def _is_open(scope: Scope) -> bool:
    return surface_of(scope) is not None or scope["path"].startswith(_OPEN)


async def address_problem(scope: Scope) -> ProblemError | None:
    """Count a call without a key by its address: 429 beyond the limit, else None."""
    services: Services = scope["app"].state.services
    wait = await services.anonymous_limit.hit(client_network(client_address(scope)))
    if not wait:
        return None
    count_refused("anonymous")
    return _anonymous_problem(wait)


async def _count_key(services: Services, identity: Identity) -> RateLimitStatus | None:
    if identity.tenant_id is None:
        return None
    try:
        return await services.rate_limiter.count(identity.tenant_id, identity.key_id)
    except SQLAlchemyError:
        return None


def _send_with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    async def send_message(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return send_message


def rate_limit_problem(status: RateLimitStatus) -> ProblemError:
    """429, with the time to wait."""
    detail = f"this key may ask {status.limit} times a minute; wait {status.reset_seconds} s"
    return ProblemError(429, "rate_limited", detail, status.headers)


def _anonymous_problem(wait: int) -> ProblemError:
    detail = f"too many calls without a key came from this address; send one, or wait {wait} s"
    return ProblemError(429, "rate_limited", detail, {"Retry-After": str(wait)})
