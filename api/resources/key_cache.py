"""Whom a key speaks for: asked of the database once, since it never changes."""

import hashlib

from db.core.session import Database
from db.tenants import api_keys
from db.tenants.api_keys import Identity

_MOST = 10_000


class KeyCache:
    """Identities by the hash of their key.

    That a key has been revoked is not known here: whoever is identified by `known` must let
    `db.tenants.api_keys.check`, or `db.jobs.submit.submit_job`, refuse it in the transaction that
    does the work.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[bytes, Identity] = {}

    def known(self, key: str) -> Identity | None:
        """Whom a key spoke for when it was last identified; None for one that never was."""
        return self._known.get(_digest(key))

    def identify(self, key: str) -> Identity:
        """Whom a key speaks for now.

        Raises:
            db.tenants.api_keys.InvalidKeyError: it is malformed, unknown or revoked.
        """
        with self._database.single_statements() as session:
            identity = api_keys.identify(session, key)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[_digest(key)] = identity
        return identity


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
