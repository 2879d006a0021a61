"""A limit by name in this process's memory, for clients that no key names."""

import math
import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

_MAX_NAMES = 10_000


class LocalLimit:
    """Counts by name and minute. Every name is forgotten when there are too many of them."""

    def __init__(self, per_minute: int) -> None:
        self._item = RateLimitItemPerMinute(per_minute)
        self._storage = MemoryStorage()
        self._limiter = FixedWindowRateLimiter(self._storage)

    async def hit(self, name: str) -> int:
        """Count one; 0 when it is within the limit, else the seconds until the next minute."""
        if len(self._storage.storage) >= _MAX_NAMES:
            await self._storage.reset()
        return 0 if await self._limiter.hit(self._item, name) else await self._seconds(name)

    async def wait_seconds(self, name: str) -> int:
        """Seconds until the next minute when the limit is reached, else 0; counts nothing."""
        return 0 if await self._limiter.test(self._item, name) else await self._seconds(name)

    async def _seconds(self, name: str) -> int:
        window = await self._limiter.get_window_stats(self._item, name)
        return max(1, math.ceil(window.reset_time - time.time()))
