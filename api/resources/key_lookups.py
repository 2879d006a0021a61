"""Look-ups of keys that this process does not know, limited for clients that send wrong ones."""

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from anyio.to_thread import run_sync

from api.core.client_address import client_network
from api.core.domain_errors import TooManyWrongKeysError
from api.resources.key_cache import KeyCache
from api.resources.key_uses import KeyUses
from api.resources.local_limit import LocalLimit
from db.tenants import api_keys
from db.tenants.api_keys import Identity, InvalidKeyError

_SLOW_LOOKUPS = 2
_MAX_WAITING = 64

_slow_lane: RunVar[CapacityLimiter] = RunVar("slow_key_lookups")


class KeyLookups:
    """Identifies callers by the cache, else by the database.

    A client that sends many wrong keys is answered with 429. Its next keys are still looked up,
    two at a time, so that a right key behind the same address is accepted.
    """

    def __init__(self, cache: KeyCache, uses: KeyUses, wrong_keys_per_minute: int) -> None:
        self._cache = cache
        self._uses = uses
        self._failures = LocalLimit(wrong_keys_per_minute)

    async def identify(self, key: str, address: str) -> Identity:
        """The identity of a key that a client sends, and so uses.

        Raises:
            InvalidKeyError: the key is malformed, unknown, revoked or expired.
            TooManyWrongKeysError: the same, and the client has sent many such keys.
            db.tenants.tenants.TenantSuspendedError: its tenant is suspended.
            sqlalchemy.exc.SQLAlchemyError: the database does not answer.
        """
        identity = self._cache.find_cached(key)
        if identity is None:
            identity = await self._find(key, address)
        self._uses.note(identity.key_id)
        return identity

    async def _find(self, key: str, address: str) -> Identity:
        client = client_network(address)
        wait = await self._failures.wait_seconds(client)
        try:
            return await self._look_up(key, slowly=wait > 0)
        except InvalidKeyError:
            if wait:
                raise TooManyWrongKeysError(wait) from None
            await self._failures.hit(client)
            raise

    async def _look_up(self, key: str, *, slowly: bool) -> Identity:
        if not api_keys.is_well_formed(key):
            raise InvalidKeyError
        if not slowly:
            return await run_sync(self._cache.identify, key)
        lane = _lane()
        if lane.statistics().tasks_waiting >= _MAX_WAITING:
            raise InvalidKeyError
        return await run_sync(self._cache.identify, key, limiter=lane)


def _lane() -> CapacityLimiter:
    """The limiter of this event loop."""
    try:
        return _slow_lane.get()
    except LookupError:
        _slow_lane.set(lane := CapacityLimiter(_SLOW_LOOKUPS))
        return lane
