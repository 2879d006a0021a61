"""ASGI middleware: refuses keys beyond their rate limit before the request is read or handled."""

from collections.abc import Mapping

from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.core.errors import ProblemError, respond
from api.core.request_key import ConflictingKeysError, find_key
from api.core.request_log import add_log_fields
from api.resources.rate_limiter import RateLimitStatus
from api.services import Services
from db.tenants.api_keys import Identity, InvalidKeyError
from db.tenants.tenants import TenantSuspendedError

_LIMITED = "/v1/"


class RateLimit:
    """Counts each call with a tenant's key; adds the rate limit headers, or answers 429.

    A call that cannot be counted is forwarded: the route refuses an invalid or suspended key, and
    reports a database that is down. Operators' keys have no limit.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, or refuse it."""
        status = await _count(scope)
        if status is None:
            await self._app(scope, receive, send)
        elif status.allowed:
            await self._app(scope, receive, _send_with_headers(send, status.headers))
        else:
            await respond(rate_limit_problem(status))(scope, receive, send)


async def _count(scope: Scope) -> RateLimitStatus | None:
    if scope["type"] != "http" or not scope["path"].startswith(_LIMITED):
        return None
    services: Services = scope["app"].state.services
    try:
        key = find_key(Headers(scope=scope))
        if key is None:
            return None
        identity = services.key_cache.find_cached(key)
        if identity is None:
            identity = await run_in_threadpool(services.key_cache.identify, key)
        return await _count_identity(services, identity)
    except (ConflictingKeysError, InvalidKeyError, TenantSuspendedError, SQLAlchemyError):
        return None


async def _count_identity(services: Services, identity: Identity) -> RateLimitStatus | None:
    if identity.tenant_id is None:
        return None
    status = await services.rate_limiter.count(identity.tenant_id, identity.key_id)
    if status is not None and not status.allowed:
        add_log_fields(tenant_id=identity.tenant_id, key_id=identity.key_id)
    return status


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
