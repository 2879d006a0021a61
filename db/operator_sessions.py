"""Sign-ins at the dashboard: a random token in a cookie, its hash in a row, an end by the clock.

The key that opened a session is looked at whenever the session is: revoking it ends them all.
"""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from db.operator_tables import OperatorSession
from db.tables import ApiKey

_TOKEN_BYTES = 32


def start(session: Session, key_id: str, *, seconds: float) -> str:
    """Open a session for an operator's key; sessions whose time is over are removed with it.

    Args:
        session: the transaction; it must be durable.
        key_id: the key, which the caller has identified as an operator's.
        seconds: until it ends.

    Returns:
        The token, never used before and not kept.
    """
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    session.execute(delete(OperatorSession).where(OperatorSession.expires_at <= func.now()))
    session.execute(
        insert(OperatorSession).values(
            token_sha256=_hash(token),
            key_id=key_id,
            expires_at=func.now() + timedelta(seconds=seconds),
        )
    )
    return token


def find(session: Session, token: str) -> ApiKey | None:
    """The operator's key that opened a session; None when either is over, or no operator's."""
    statement = (
        select(ApiKey)
        .join(OperatorSession, OperatorSession.key_id == ApiKey.id)
        .where(OperatorSession.token_sha256 == _hash(token))
        .where(OperatorSession.expires_at > func.now())
        .where(ApiKey.revoked_at.is_(None), ApiKey.tenant_id.is_(None))
    )
    return session.scalar(statement)


def end(session: Session, token: str) -> None:
    """Close a session, if it is open."""
    session.execute(delete(OperatorSession).where(OperatorSession.token_sha256 == _hash(token)))


def _hash(token: str) -> bytes:
    # As with keys: the token is random, and a slow hash would protect nothing.
    return hashlib.sha256(token.encode()).digest()
