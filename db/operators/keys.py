"""Operators' own API keys: rows like those of tenants, with a role; each change is audited."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.operators import audit
from db.operators.audit import Actor
from db.tables import ApiKey
from db.tenants import api_keys
from db.tenants.api_keys import OperatorRole

_TAKE_OVER = timedelta(hours=1)
"""The time for which another operator's key must last before a key is revoked."""

_NEVER = datetime.max.replace(tzinfo=UTC)


class LastOperatorError(Exception):
    """Without this key no operator could change anything, now or an hour later."""

    def __init__(self) -> None:
        super().__init__(
            "this is the last key that may change things and does not end within an hour; make "
            "another one first"
        )


def list_keys(session: Session) -> Sequence[ApiKey]:
    """Every operator's key, oldest first, with the revoked ones."""
    return session.scalars(
        select(ApiKey).where(ApiKey.tenant_id.is_(None)).order_by(ApiKey.id)
    ).all()


def create(
    session: Session,
    actor: Actor,
    *,
    name: str,
    role: OperatorRole,
    expires_in_seconds: float | None = None,
) -> tuple[ApiKey, str]:
    """Generate an operator's key; the second value is the key itself, which is not stored."""
    row, key = api_keys.create(
        session, tenant_id=None, name=name, role=role, expires_in_seconds=expires_in_seconds
    )
    after = {"name": name, "role": role, **audited_end(row)}
    audit.record(session, actor, "operator.create", row.id, after=after)
    return row, key


def audited_end(row: ApiKey) -> dict[str, str]:
    """The entry of the audit log for a key's end, where it has one."""
    return {} if row.expires_at is None else {"expires_at": row.expires_at.isoformat()}


def revoke(session: Session, actor: Actor, key_id: str) -> bool:
    """Revoke an operator's key for good; False when there is no such valid key.

    Raises:
        LastOperatorError: no other valid key has the right to change anything.
    """
    row = session.get(ApiKey, key_id, populate_existing=True)
    if row is None or row.tenant_id is not None:
        return False
    if row.role == OperatorRole.OPERATOR:
        _require_another(session, key_id)
    if not api_keys.revoke(session, key_id):
        return False
    audit.record(session, actor, "operator.revoke", key_id, after={"name": row.name})
    return True


def _require_another(session: Session, key_id: str) -> None:
    # The lock serializes two operators who revoke each other's key.
    may_write = select(ApiKey.id, ApiKey.expires_at, func.now().label("now")).where(
        ApiKey.role == OperatorRole.OPERATOR, api_keys.is_valid()
    )
    rows = session.execute(may_write.order_by(ApiKey.id).with_for_update()).all()
    own = next((row for row in rows if row.id == key_id), None)
    if own is None:
        return
    # A key that ends soon takes over from one that ends sooner, and from no other.
    enough = min(own.now + _TAKE_OVER, own.expires_at or _NEVER)
    if not any((row.expires_at or _NEVER) >= enough for row in rows if row is not own):
        raise LastOperatorError


def last_expiry(session: Session) -> datetime | None:
    """The moment at which the last operator's key that may change things expires, or expired.

    None where such a key has no end, and where there is none at all: a deployment may be run by
    commands alone.
    """
    may_write = select(ApiKey).where(
        ApiKey.role == OperatorRole.OPERATOR, ApiKey.revoked_at.is_(None)
    )
    ends = [row.expires_at for row in session.scalars(may_write)]
    return None if None in ends else max((end for end in ends if end), default=None)


def prefix(key_id: str) -> str:
    """The beginning of the key: it identifies the key and reveals nothing of its secret."""
    return f"bt_{key_id.removeprefix('key_')}"
