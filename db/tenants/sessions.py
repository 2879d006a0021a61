"""Sessions of browsers, and links that open one: a random token, its hash in a row with an expiry.

Every look-up of a session checks the key that opened it: a session ends with its key.
"""

import hashlib
import secrets
from collections.abc import Sequence

from sqlalchemy import Select, delete, func, insert, select
from sqlalchemy.orm import Session

from db.core.clock import from_now
from db.tables import ApiKey, Tenant
from db.tables.operators import KeySession
from db.tenants import api_keys

_TOKEN_BYTES = 32


def start(session: Session, key_id: str, *, seconds: float) -> str:
    """Open a session for a key, and delete all expired sessions.

    Args:
        session: the transaction; it must be durable.
        key_id: the key, which the caller has identified.
        seconds: the lifetime of the session.

    Returns:
        A new random token, which is not stored.
    """
    return _insert(session, key_id, seconds=seconds, is_link=False)


def create_link(session: Session, key_id: str, *, seconds: float) -> str:
    """The token of a link that opens one session for a key, within its lifetime."""
    return _insert(session, key_id, seconds=seconds, is_link=True)


def _insert(session: Session, key_id: str, *, seconds: float, is_link: bool) -> str:
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    session.execute(delete(KeySession).where(KeySession.expires_at <= func.now()))
    session.execute(
        insert(KeySession).values(
            token_sha256=_hash(token),
            key_id=key_id,
            expires_at=from_now(seconds),
            is_link=is_link,
        )
    )
    return token


def redeem_link(session: Session, token: str) -> str | None:
    """Use up a link: the id of its key, or None when it was used before, or is out of date.

    Whether the key is still valid is seen when the session is looked up.
    """
    used = (
        delete(KeySession)
        .where(KeySession.token_sha256 == _hash(token), KeySession.is_link)
        .where(KeySession.expires_at > func.now())
        .returning(KeySession.key_id)
    )
    return session.scalar(used)


def find_operator(session: Session, token: str) -> ApiKey | None:
    """The operator's key that opened a session; None if either has ended, or it is a tenant's."""
    return session.scalar(_opened_by(token).where(ApiKey.tenant_id.is_(None)))


def find_tenant(session: Session, token: str) -> ApiKey | None:
    """The tenant's key that opened a session; None if either has ended, or it is suspended."""
    valid = _opened_by(token).join(Tenant).where(Tenant.suspended_at.is_(None))
    return session.scalar(valid)


def _opened_by(token: str) -> Select[ApiKey]:
    return (
        select(ApiKey)
        .join(KeySession, KeySession.key_id == ApiKey.id)
        .where(KeySession.token_sha256 == _hash(token), ~KeySession.is_link)
        .where(KeySession.expires_at > func.now(), api_keys.is_valid())
    )


def open_tokens(session: Session, tokens: Sequence[str]) -> set[str]:
    """Those of these tokens whose session has neither ended nor expired."""
    hashes = {_hash(token): token for token in tokens}
    statement = select(KeySession.token_sha256).where(
        KeySession.token_sha256.in_(hashes), KeySession.expires_at > func.now()
    )
    return {hashes[found] for found in session.scalars(statement)}


def end(session: Session, token: str) -> None:
    """Delete a session, if it exists."""
    session.execute(delete(KeySession).where(KeySession.token_sha256 == _hash(token)))


def _hash(token: str) -> bytes:
    # As with keys: the token is random, and a slow hash would protect nothing.
    return hashlib.sha256(token.encode()).digest()
