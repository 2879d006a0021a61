"""One subscription per process, fanned out in memory.

Whoever waits for a job holds an asyncio queue and nothing else: no thread, no connection. What
Redis loses is made good by one query, every two seconds, for all jobs that are waited for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import structlog
from fastapi.concurrency import run_in_threadpool
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from workers.messaging.events import (
    CHANNEL,
    Event,
    parse_message,
    parse_stream,
    preview_key,
    stream_key,
)
from workers.settings import WorkerSettings

RECONCILE_SECONDS = 2.0
RECONNECT_SECONDS = 1.0

Waiter = asyncio.Queue[Event | None]
"""Events of one job as they come; None says that the row shows the job to be over."""

_log = structlog.get_logger(__name__)


class EventHub:
    """Hands each event to whoever watches its job."""

    def __init__(
        self, settings: WorkerSettings, finished_among: Callable[[Sequence[str]], Sequence[str]]
    ) -> None:
        self._settings = settings
        self._finished_among = finished_among
        self._waiters: dict[str, set[Waiter]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._redis = self._client(settings.redis_timeout_seconds)

    def _client(self, timeout_seconds: float | None) -> Redis:
        return Redis.from_url(
            self._settings.redis_url.get_secret_value(),
            socket_timeout=timeout_seconds,
            socket_connect_timeout=self._settings.redis_timeout_seconds,
            socket_keepalive=True,
            decode_responses=True,
        )

    async def start(self) -> None:
        """Subscribe and begin to reconcile."""
        self._tasks = [
            asyncio.create_task(self._listen_forever(), name="event-hub"),
            asyncio.create_task(self._reconcile_forever(), name="event-hub-reconcile"),
        ]

    async def stop(self) -> None:
        """Unsubscribe and wake nobody."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()

    @contextmanager
    def watch(self, job_id: str) -> Iterator[Waiter]:
        """Receive a job's events from now on."""
        waiter: Waiter = asyncio.Queue()
        self._waiters.setdefault(job_id, set()).add(waiter)
        try:
            yield waiter
        finally:
            watching = self._waiters[job_id]
            watching.discard(waiter)
            if not watching:
                del self._waiters[job_id]

    async def replay(self, job_id: str, *, after: str | None) -> list[Event]:
        """What Redis remembers of a job, after an event id; nothing when it does not answer."""
        start = f"({after}" if after else "-"
        try:
            entries: Any = await self._redis.xrange(stream_key(job_id), min=start)
            shown: Any = await self._redis.get(preview_key(job_id))
        except RedisError as error:
            _log.warning("replay_failed", error=type(error).__name__)
            return []
        return parse_stream(job_id, entries, shown)

    async def finished(
        self,
        job_id: str,
        *,
        timeout_seconds: float,
        is_over: Callable[[], Awaitable[bool]],
    ) -> None:
        """Wait until a job is over, or the time is.

        Args:
            job_id: which.
            timeout_seconds: the longest wait.
            is_over: asked once, after watching began: the end may have come just before.
        """
        with self.watch(job_id) as waiter, suppress(TimeoutError):
            if await is_over():
                return
            async with asyncio.timeout(timeout_seconds):
                while (event := await waiter.get()) is not None and event.type != "done":
                    pass

    async def _listen_forever(self) -> None:
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                _log.warning("subscription_lost", error=type(error).__name__)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        # Without a read time limit: silence is normal here, and keep-alives find a dead peer.
        client = self._client(None)
        try:
            pubsub = client.pubsub(ignore_subscribe_messages=True)
            await pubsub.subscribe(CHANNEL)
            async for message in pubsub.listen():
                for event in parse_message(message["data"], self._waiters):
                    self._hand_out(event)
        finally:
            await client.aclose()

    def _hand_out(self, event: Event) -> None:
        for waiter in self._waiters.get(event.job_id, ()):
            waiter.put_nowait(event)

    async def _reconcile_forever(self) -> None:
        while True:
            await asyncio.sleep(RECONCILE_SECONDS)
            if not self._waiters:
                continue
            try:
                over = await run_in_threadpool(self._finished_among, list(self._waiters))
            except SQLAlchemyError as error:
                _log.warning("reconcile_failed", error=type(error).__name__)
                continue
            for job_id in over:
                for waiter in self._waiters.get(job_id, ()):
                    waiter.put_nowait(None)
