"""Credentials of clients that wait, checked again while they wait.

A request is authenticated at its beginning. One that stays open for minutes or days must notice
that its key was revoked or has expired, its tenant was suspended or its browser signed out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fastapi.concurrency import run_in_threadpool

from api.resources.key_uses import KeyUses
from api.resources.shared_results import SharedResults
from db.core.session import Database
from db.tenants import api_keys, sessions
from db.tenants.api_keys import InvalidKeyError


@dataclass(frozen=True)
class Credential:
    """A key, and the browser session that it opened, if that is how the client came.

    Attributes:
        session_token: the token of a browser's session; None for a call with the key itself.
    """

    key_id: str
    session_token: str | None = field(default=None, repr=False)


class CredentialChecks:
    """Checks credentials of requests that are open, each of which goes on using its key."""

    def __init__(self, database: Database, uses: KeyUses) -> None:
        self._database = database
        self._uses = uses
        self._running: SharedResults[None] = SharedResults(keep_seconds=0)

    async def require(self, credential: Credential) -> None:
        """Check a credential; those who ask at the same moment share one look.

        Raises:
            db.tenants.api_keys.InvalidKeyError: the key was revoked or has expired, or the session
                has ended.
            db.tenants.tenants.TenantSuspendedError: the key's tenant is suspended.
        """

        async def check() -> None:
            await run_in_threadpool(self._require, credential)

        await self._running.get(credential, check)

    def _require(self, credential: Credential) -> None:
        with self._database.autocommit() as session:
            api_keys.check(session, credential.key_id)
        if credential in self.invalid([credential]):
            raise InvalidKeyError

    def invalid(self, credentials: Sequence[Credential]) -> list[Credential]:
        """Those of these credentials that opened a request once, and would not now."""
        tokens = [each.session_token for each in credentials if each.session_token]
        with self._database.autocommit() as session:
            keys = api_keys.usable(session, {each.key_id for each in credentials})
            open_tokens = sessions.open_tokens(session, tokens) if tokens else set()
        for key_id in keys:
            self._uses.note(key_id)
        return [
            each
            for each in credentials
            if each.key_id not in keys
            or (each.session_token is not None and each.session_token not in open_tokens)
        ]
