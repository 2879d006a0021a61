"""API keys: generated once, shown once, stored as a hash.

A key reads `bt_<key id>_<secret><checksum>`: 130 bits of secret and a CRC-32, both in base 62, so
that secret scanners recognise a key, and a typing error is recognised without a query.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, case, func, or_, select, text, update
from sqlalchemy.orm import Session

from db.core.base import new_id
from db.core.clock import from_now
from db.tables import ApiKey, Tenant
from db.tenants.tenants import TenantSuspendedError

_DIGITS = string.digits + string.ascii_letters
_SECRET_DIGITS = 22
_CHECKSUM_DIGITS = 6
_SHAPE = re.compile(r"bt_([0-9a-z]{26})_([0-9A-Za-z]{22})([0-9A-Za-z]{6})")


# Written as SQL, as it precedes each submission: building it each time takes longer than it runs.
_USABLE = text("""
SELECT tenants.suspended_at IS NOT NULL AS suspended
FROM api_keys LEFT JOIN tenants ON tenants.id = api_keys.tenant_id
WHERE api_keys.id = :key_id AND api_keys.revoked_at IS NULL
    AND (api_keys.expires_at IS NULL OR api_keys.expires_at > now())
""")

# Several processes write uses of the same keys: none waits for another one.
_RECORD_USES = text("""
WITH used AS (
    SELECT id FROM api_keys
    WHERE id = ANY (:key_ids) AND (last_used_at IS NULL OR last_used_at < now() - :fresh)
        AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE api_keys SET last_used_at = now() FROM used WHERE api_keys.id = used.id
""")
_FRESH = timedelta(minutes=5)
"""A use is not written when one that is younger is known."""

MIN_LIFETIME_SECONDS = 60
MAX_LIFETIME_SECONDS = 10 * 366 * 86_400
EXPIRES_SOON = timedelta(days=7)
"""The time before a key's end in which operators are warned of it."""


class OperatorRole(StrEnum):
    """The rights of an operator's key: a viewer may read everything and change nothing."""

    OPERATOR = "operator"
    VIEWER = "viewer"


class InvalidKeyError(Exception):
    """The key is malformed, unknown, revoked or expired; the message does not say which."""

    def __init__(self) -> None:
        super().__init__("this API key is not valid; check it, or ask for a new one")


@dataclass(frozen=True)
class Identity:
    """The owner of a key. An operator has a `role` and no `tenant_id`, a tenant the reverse."""

    key_id: str
    tenant_id: str | None
    name: str = field(default="", compare=False)
    role: OperatorRole | None = field(default=None, compare=False)

    @property
    def is_operator(self) -> bool:
        """True when the key belongs to an operator."""
        return self.tenant_id is None


def create(
    session: Session,
    *,
    tenant_id: str | None,
    name: str,
    role: OperatorRole = OperatorRole.OPERATOR,
    expires_in_seconds: float | None = None,
) -> tuple[ApiKey, str]:
    """Generate a key; the second value is the key itself, which is not stored.

    Args:
        session: the transaction.
        tenant_id: its owner; None makes an operator's key.
        name: a label for its owner.
        role: of an operator's key; a tenant's has none.
        expires_in_seconds: the time after which it is refused; None for a key without an end.
    """
    row_id = new_id("key")
    secret = "".join(secrets.choice(_DIGITS) for _ in range(_SECRET_DIGITS))
    body = f"bt_{row_id.removeprefix('key_')}_{secret}"
    row = ApiKey(
        id=row_id,
        tenant_id=tenant_id,
        name=name,
        role=role if tenant_id is None else None,
        secret_sha256=_hash(secret),
        expires_at=None if expires_in_seconds is None else from_now(expires_in_seconds),
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    return row, body + _checksum(body)


def is_well_formed(key: str) -> bool:
    """True for a text that may be a key, by its checksum; no look-up is made."""
    return key_id_of(key) is not None


def identify(session: Session, key: str) -> Identity:
    """Look up the owner of a key.

    Raises:
        InvalidKeyError: it is malformed, unknown, revoked or expired.
        db.tenants.tenants.TenantSuspendedError: its tenant is suspended.
    """
    key_id = key_id_of(key)
    if key_id is None:
        raise InvalidKeyError
    statement = select(ApiKey, Tenant.suspended_at).join(Tenant, isouter=True)
    found = session.execute(statement.where(ApiKey.id == key_id, is_valid())).first()
    if found is None:
        raise InvalidKeyError
    row, suspended_at = found
    if not hmac.compare_digest(row.secret_sha256, _hash(_secret_of(key))):
        raise InvalidKeyError
    if suspended_at is not None:
        raise TenantSuspendedError
    return Identity(row.id, row.tenant_id, row.name, OperatorRole(row.role) if row.role else None)


def is_valid() -> ColumnElement[bool]:
    """The condition that a key is neither revoked nor expired, by the database's clock."""
    return ApiKey.revoked_at.is_(None) & or_(
        ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now()
    )


def key_id_of(key: str) -> str | None:
    """The id that a key names, which reveals nothing of its secret; None if it is malformed."""
    parts = _SHAPE.fullmatch(key)
    if parts is None or not hmac.compare_digest(_checksum(key[:-_CHECKSUM_DIGITS]), parts[3]):
        return None
    return f"key_{parts[1]}"


def _secret_of(key: str) -> str:
    return key[-_SECRET_DIGITS - _CHECKSUM_DIGITS : -_CHECKSUM_DIGITS]


def check(session: Session, key_id: str) -> None:
    """Check that a key, identified earlier, may still be used: one statement, before any work.

    Raises:
        InvalidKeyError: it was revoked, or has expired.
        db.tenants.tenants.TenantSuspendedError: its tenant has been suspended.
    """
    found = session.execute(_USABLE, {"key_id": key_id}).one_or_none()
    if found is None:
        raise InvalidKeyError
    if found.suspended:
        raise TenantSuspendedError


def usable(session: Session, key_ids: Collection[str]) -> set[str]:
    """Those of these keys that are valid, and whose tenant is not suspended."""
    statement = select(ApiKey.id).join(Tenant, isouter=True).where(ApiKey.id.in_(key_ids))
    return set(session.scalars(statement.where(is_valid(), Tenant.suspended_at.is_(None))))


def record_uses(session: Session, key_ids: Collection[str]) -> None:
    """Record that keys are used now, accurate to some minutes; not those that are refused."""
    session.execute(_RECORD_USES, {"key_ids": sorted(key_ids), "fresh": _FRESH})


def revoke(session: Session, key_id: str) -> bool:
    """Revoke a key for good; False when it is unknown or was revoked before."""
    statement = (
        update(ApiKey)
        .where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(ApiKey.id)
    )
    return session.scalar(statement) is not None


def expires_soon() -> ColumnElement[bool]:
    """The condition that a valid key expires within `EXPIRES_SOON`."""
    return is_valid() & (ApiKey.expires_at < func.now() + EXPIRES_SOON)


def count_expiring(session: Session) -> dict[str, int]:
    """The keys that expire soon, of operators and of tenants."""
    owner = case((ApiKey.tenant_id.is_(None), "operator"), else_="tenant")
    counts = select(owner, func.count()).where(expires_soon()).group_by(owner)
    return {"operator": 0, "tenant": 0} | dict(session.execute(counts).all())


def list_keys(
    session: Session, *, tenant_id: str | None = None, unused_for: timedelta | None = None
) -> Sequence[tuple[ApiKey, str]]:
    """Keys and the names of their tenants ("operator" for none), oldest first.

    Args:
        session: the transaction.
        tenant_id: only keys of this tenant.
        unused_for: only valid keys that were not used for so long, nor made in that time.
    """
    owner = func.coalesce(Tenant.name, "operator")
    statement = select(ApiKey, owner).join(Tenant, isouter=True).order_by(ApiKey.id)
    if tenant_id is not None:
        statement = statement.where(ApiKey.tenant_id == tenant_id)
    if unused_for is not None:
        last = func.coalesce(ApiKey.last_used_at, ApiKey.created_at)
        statement = statement.where(is_valid(), last < func.now() - unused_for)
    return [(row, name) for row, name in session.execute(statement)]


def _hash(secret: str) -> bytes:
    # The secret is random, not chosen by a person: a slow hash would protect nothing.
    return hashlib.sha256(secret.encode()).digest()


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = []
    for _ in range(_CHECKSUM_DIGITS):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
