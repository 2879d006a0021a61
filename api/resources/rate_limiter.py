"""How often a key may ask: a window that slides over the last minute, counted in Redis.

All API processes count together. While Redis is away, or slow, whoever asks goes through.
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
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from api.core.metrics import rate_limit_unchecked, rate_limited
from db.core.session import Database
from db.tenants import rate_limits
from workers.settings import WorkerSettings

WINDOW_SECONDS = 60
POLICY = "burst"

_PATIENCE_SECONDS = 0.25
"""What a request may lose to a Redis that hangs, before it goes through uncounted."""

_AWAY_SECONDS = 1.0
"""For so long after a failure Redis is not asked: only one request in a while waits in vain."""

_TIER_SECONDS = 10.0
"""A tier's limit that an operator changes holds everywhere within this time."""

_MOST_TENANTS = 10_000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Standing:
    """Where a key stands after a request.

    Attributes:
        allowed: whether the request may be answered.
        limit: requests in any `WINDOW_SECONDS`.
        remaining: how many more there may be now.
        reset_seconds: until there may be one more.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_seconds: int

    @property
    def headers(self) -> Mapping[str, str]:
        """What the answer tells its client: policy, standing, and when to come again if refused."""
        told = {
            "RateLimit-Policy": f'"{POLICY}";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"{POLICY}";r={self.remaining};t={self.reset_seconds}',
        }
        return told if self.allowed else told | {"Retry-After": str(self.reset_seconds)}


class RateLimits:
    """Counts requests by key, against the limit of the key's tenant's tier."""

    def __init__(self, database: Database, settings: WorkerSettings) -> None:
        url = settings.redis_url.get_secret_value()
        self._database = database
        self._pool = ConnectionPool.from_url(
            url,
            socket_timeout=_PATIENCE_SECONDS,
            socket_connect_timeout=_PATIENCE_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        storage = RedisStorage(
            f"async+{url}",
            implementation="redispy",
            key_prefix="bottega:rate",
            connection_pool=cast("Any", self._pool),
        )
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._tiers: dict[str, tuple[int | None, float]] = {}
        self._away_until = 0.0

    async def count(self, tenant_id: str, key_id: str) -> Standing | None:
        """Count a request; None where there is no limit, or nobody to count.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database did not tell the tier's limit.
        """
        limit = await self._limit_of(tenant_id)
        if limit is None:
            return None
        if time.monotonic() < self._away_until:
            rate_limit_unchecked.inc()
            return None
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await self._count(key_id, limit)
        except (RedisError, TimeoutError, OSError) as error:
            self._away_until = time.monotonic() + _AWAY_SECONDS
            rate_limit_unchecked.inc()
            _log.warning("rate_limit_unchecked", error=type(error).__name__)
            return None

    async def _count(self, key_id: str, limit: int) -> Standing:
        item = RateLimitItemPerMinute(limit)
        allowed = await self._limiter.hit(item, key_id)
        window = await self._limiter.get_window_stats(item, key_id)
        if not allowed:
            rate_limited.inc()
        return Standing(
            allowed=allowed,
            limit=limit,
            remaining=window.remaining if allowed else 0,
            reset_seconds=max(1, math.ceil(window.reset_time - time.time())),
        )

    async def _limit_of(self, tenant_id: str) -> int | None:
        limit, known_until = self._tiers.get(tenant_id, (None, 0.0))
        if time.monotonic() < known_until:
            return limit
        limit = await run_in_threadpool(self._ask_limit, tenant_id)
        if len(self._tiers) >= _MOST_TENANTS:
            self._tiers.clear()
        self._tiers[tenant_id] = (limit, time.monotonic() + _TIER_SECONDS)
        return limit

    def _ask_limit(self, tenant_id: str) -> int | None:
        with self._database.single_statements() as session:
            return rate_limits.requests_per_minute(session, tenant_id)

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.aclose()
