"""Rate limit of each API key: a sliding window over the last minute, counted in Redis.

All API processes share the count. While Redis is down or slow, or the event loop is late, this
process counts by itself, against the same limit.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import structlog
from fastapi.concurrency import run_in_threadpool
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from api.core.metrics import rate_limit_unchecked, rate_limited
from db.core.session import Database
from db.tenants import tenants
from workers.settings import WorkerSettings

WINDOW_SECONDS = 60
POLICY = "burst"

_TIMEOUT_SECONDS = 0.25
"""The longest delay of a request by a hanging Redis; after it this process counts it."""

_PAUSE_SECONDS = 1.0
"""Pause after a failure of Redis, so that only one request a second waits for the timeout."""

_TIER_CACHE_SECONDS = 10.0
"""A changed limit of a tier takes effect everywhere within this time."""

_MAX_TENANTS = 10_000
_MAX_LOCAL_COUNTERS = 20_000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class RateLimitStatus:
    """The state of a key's rate limit after a request.

    Attributes:
        allowed: True when the request is within the limit.
        limit: the most requests in any `WINDOW_SECONDS`.
        remaining: requests that are still allowed now.
        reset_seconds: seconds until one more request is allowed.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_seconds: int

    @property
    def headers(self) -> Mapping[str, str]:
        """The response headers: policy, state, and when to retry after a refusal."""
        headers = {
            "RateLimit-Policy": f'"{POLICY}";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"{POLICY}";r={self.remaining};t={self.reset_seconds}',
        }
        return headers if self.allowed else headers | {"Retry-After": str(self.reset_seconds)}


class RateLimiter:
    """Counts requests by key, against the limit of the tier of the key's tenant."""

    def __init__(self, database: Database, settings: WorkerSettings) -> None:
        url = settings.redis_url.get_secret_value()
        self._database = database
        self._pool = ConnectionPool.from_url(
            url,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        storage = RedisStorage(
            f"async+{url}",
            implementation="redispy",
            key_prefix="bottega:rate",
            connection_pool=cast("Any", self._pool),
        )
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._local_storage = MemoryStorage()
        self._local_limiter = SlidingWindowCounterRateLimiter(self._local_storage)
        self._tiers: dict[str, tuple[int | None, float]] = {}
        self._paused_until = 0.0

    async def count(self, tenant_id: str, key_id: str) -> RateLimitStatus | None:
        """Count a request; None when the tier has no limit.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the tier's limit could not be read.
        """
        limit = await self._cached_limit(tenant_id)
        return None if limit is None else await self.count_against(limit, key_id)

    async def count_against(self, limit: int, key_id: str) -> RateLimitStatus | None:
        """Count a request against a limit per minute; None when Redis does not respond."""
        if time.monotonic() < self._paused_until:
            return await self._count_locally(key_id, limit)
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                return await _count(self._limiter, key_id, limit)
        except (RedisError, TimeoutError, OSError) as error:
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
            _log.warning("rate_limit_unchecked", error=type(error).__name__)
            return await self._count_locally(key_id, limit)

    async def _count_locally(self, key_id: str, limit: int) -> RateLimitStatus:
        rate_limit_unchecked.inc()
        if len(self._local_storage.storage) >= _MAX_LOCAL_COUNTERS:
            await self._local_storage.reset()
        return await _count(self._local_limiter, key_id, limit)

    async def _cached_limit(self, tenant_id: str) -> int | None:
        limit, valid_until = self._tiers.get(tenant_id, (None, 0.0))
        if time.monotonic() < valid_until:
            return limit
        limit = await run_in_threadpool(self._read_limit, tenant_id)
        if len(self._tiers) >= _MAX_TENANTS:
            self._tiers.clear()
        self._tiers[tenant_id] = (limit, time.monotonic() + _TIER_CACHE_SECONDS)
        return limit

    def _read_limit(self, tenant_id: str) -> int | None:
        with self._database.autocommit() as session:
            return tenants.requests_per_minute(session, tenant_id)

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.aclose()


async def _count(
    limiter: SlidingWindowCounterRateLimiter, key_id: str, limit: int
) -> RateLimitStatus:
    item = RateLimitItemPerMinute(limit)
    allowed = await limiter.hit(item, key_id)
    window = await limiter.get_window_stats(item, key_id)
    if not allowed:
        rate_limited.inc()
    return RateLimitStatus(
        allowed=allowed,
        limit=limit,
        remaining=window.remaining if allowed else 0,
        reset_seconds=max(1, math.ceil(window.reset_time - time.time())),
    )
