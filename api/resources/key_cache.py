"""Cache of the identities behind API keys; a key's identity never changes, its validity does."""

import hashlib
import time

from sqlalchemy.orm import Session

from db.core.session import Database
from db.tenants import api_keys
from db.tenants.api_keys import Identity, InvalidKeyError

_MAX_KEYS = 10_000
_REFUSED_SECONDS = 5.0
"""A wrong key is not looked up again within this time."""


class KeyCache:
    """Identities by the hash of their key, and keys that were found wrong a moment ago.

    The cache does not notice that a key was revoked or has expired, or that its tenant was
    suspended. After `find_cached`, the work must begin with `check`, or with
    `db.jobs.submit.submit_job`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._identities: dict[bytes, Identity] = {}
        self._refused: dict[bytes, float] = {}

    def find_cached(self, key: str) -> Identity | None:
        """The identity of a key that was identified before; None for any other key."""
        return self._identities.get(_digest(key))

    def identify(self, key: str) -> Identity:
        """The identity of a key, read from the database and cached.

        Raises:
            db.tenants.api_keys.InvalidKeyError: the key is malformed, unknown, revoked or expired.
            db.tenants.tenants.TenantSuspendedError: its tenant is suspended.
        """
        digest = _digest(key)
        if self._refused.get(digest, 0.0) > time.monotonic():
            raise InvalidKeyError
        try:
            with self._database.autocommit() as session:
                identity = api_keys.identify(session, key)
        except InvalidKeyError:
            self._refuse(digest)
            raise
        if len(self._identities) >= _MAX_KEYS:
            self._identities.clear()
        self._identities[digest] = identity
        return identity

    def check(self, session: Session, key_id: str) -> None:
        """Check that an identified key may still be used; one that may not is forgotten.

        Raises:
            db.tenants.api_keys.InvalidKeyError: it was revoked, or has expired.
            db.tenants.tenants.TenantSuspendedError: its tenant has been suspended.
        """
        try:
            api_keys.check(session, key_id)
        except InvalidKeyError:
            for digest, identity in list(self._identities.items()):
                if identity.key_id == key_id:
                    self._refuse(digest)
            raise

    def _refuse(self, digest: bytes) -> None:
        self._identities.pop(digest, None)
        if len(self._refused) >= _MAX_KEYS:
            self._refused.clear()
        self._refused[digest] = time.monotonic() + _REFUSED_SECONDS


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
