"""ASGI middleware: who asks too often is told so before anything is read or done for them."""

from collections.abc import Mapping

from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.core.errors import ProblemError, respond
from api.core.request_log import note
from api.resources.rate_limiter import Standing
from api.services import Services
from db.tenants.api_keys import Identity, InvalidKeyError
from db.tenants.tenants import TenantSuspendedError

_LIMITED = "/v1/"


class RateLimit:
    """Counts each call with a tenant's key, tells the standing in its answer, or answers 429.

    What cannot be counted goes on: a wrong or suspended key is refused, and a database that is
    away is told of, where the call is answered. Operators' keys have no limit.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        standing = await _standing(scope)
        if standing is None:
            await self._app(scope, receive, send)
        elif standing.allowed:
            await self._app(scope, receive, _telling(send, standing.headers))
        else:
            await respond(refusal(standing))(scope, receive, send)


async def _standing(scope: Scope) -> Standing | None:
    if scope["type"] != "http" or not scope["path"].startswith(_LIMITED):
        return None
    key = _key(Headers(scope=scope))
    if key is None:
        return None
    services: Services = scope["app"].state.services
    try:
        identity = services.key_cache.known(key)
        if identity is None:
            identity = await run_in_threadpool(services.key_cache.identify, key)
        return await _counted(services, identity)
    except (InvalidKeyError, TenantSuspendedError, SQLAlchemyError):
        return None


async def _counted(services: Services, identity: Identity) -> Standing | None:
    if identity.tenant_id is None:
        return None
    standing = await services.rate_limits.count(identity.tenant_id, identity.key_id)
    if standing is not None and not standing.allowed:
        note(tenant_id=identity.tenant_id, key_id=identity.key_id)
    return standing


def _key(headers: Headers) -> str | None:
    """The key that the call will be known by: `api.auth.tenant` reads the same headers."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    return (bearer if scheme.lower() == "bearer" else "") or headers.get("x-key") or None


def _telling(send: Send, told: Mapping[str, str]) -> Send:
    async def send_telling(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(told)
        await send(message)

    return send_telling


def refusal(standing: Standing) -> ProblemError:
    """429, with when to come again."""
    detail = f"this key may ask {standing.limit} times a minute; wait {standing.reset_seconds} s"
    return ProblemError(429, "rate_limited", detail, standing.headers)
