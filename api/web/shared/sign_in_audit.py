"""Sign-ins and sign-outs of operators in the audit log; a refused one without the key."""

import threading

from limits import RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from sqlalchemy.orm import Session
from starlette.requests import Request

from api.core.request_log import request_id
from api.services import Services
from db.operators import audit
from db.operators.audit import Actor
from db.tenants import api_keys
from db.tenants import sessions as key_sessions
from db.tenants.api_keys import Identity

MAX_REFUSALS = 100
"""Refused sign-ins of an hour that a process enters; its request log has all of them."""

_NOBODY = "unknown"


class RefusalLimit:
    """A limit of entries that anybody can cause, so that nobody floods the log."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._limit = RateLimitItemPerHour(MAX_REFUSALS)
        self._lock = threading.Lock()

    def allows_one(self) -> bool:
        """Count one entry; False when there were too many."""
        with self._lock:
            return self._limiter.hit(self._limit)


def record_sign_in(session: Session, request: Request, identity: Identity) -> None:
    """Enter an operator's sign-in, in the transaction that opens the session."""
    if identity.is_operator:
        actor = Actor(identity.key_id, identity.name, request_id() or "")
        audit.record(session, actor, "operator.sign_in", actor.id, after=_origin(request))


def record_sign_out(session: Session, request: Request, token: str) -> None:
    """Enter an operator's sign-out, in the transaction that closes the session."""
    key = key_sessions.find_operator(session, token)
    if key is not None:
        actor = Actor(key.id, key.name, request_id() or "")
        audit.record(session, actor, "operator.sign_out", key.id, after=_origin(request))


def record_refusal(services: Services, request: Request, key: str) -> None:
    """Enter a refused sign-in with the id that the key names, if it is shaped like a key."""
    actor = Actor(_NOBODY, _NOBODY, request_id() or "")
    target = api_keys.key_id_of(key) or _NOBODY
    with services.database.transaction() as session:
        audit.record(session, actor, "operator.sign_in_refused", target, after=_origin(request))


def _origin(request: Request) -> dict[str, str]:
    return {"address": request.client.host if request.client else ""}
