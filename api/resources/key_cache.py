"""Cache of the identities behind API keys; a key's identity never changes."""

import hashlib

from db.core.session import Database
from db.tenants import api_keys
from db.tenants.api_keys import Identity

_MAX_KEYS = 10_000


class KeyCache:
    """Identities by the hash of their key.

    The cache does not notice a revoked key. After `find_cached`, the transaction that does the
    work must check the key: by `db.tenants.api_keys.check` or `db.jobs.submit.submit_job`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._identities: dict[bytes, Identity] = {}

    def find_cached(self, key: str) -> Identity | None:
        """The identity of a key that was identified before; None for any other key."""
        return self._identities.get(_digest(key))

    def identify(self, key: str) -> Identity:
        """The identity of a key, read from the database and cached.

        Raises:
            db.tenants.api_keys.InvalidKeyError: the key is malformed, unknown or revoked.
        """
        with self._database.autocommit() as session:
            identity = api_keys.identify(session, key)
        if len(self._identities) >= _MAX_KEYS:
            self._identities.clear()
        self._identities[_digest(key)] = identity
        return identity


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
