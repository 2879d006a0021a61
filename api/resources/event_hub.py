"""One Redis subscription per process, whose events are distributed in memory.

A request that waits for a job holds an asyncio queue and nothing else: no thread, no connection.
One query every two seconds, for all jobs that are waited for, covers events that Redis lost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import structlog
from fastapi.concurrency import run_in_threadpool
from redis.asyncio import Redis
from redis.exceptions import RedisError

from workers.messaging.events import (
    CHANNEL,
    MAX_PREVIEW,
    REPLAY_LENGTH,
    Event,
    parse_message,
    parse_stream,
    preview_key,
    stream_key,
)
from workers.settings import WorkerSettings
from workers.telemetry.refused_messages import report_refused

RECONCILE_SECONDS = 2.0
RECONNECT_SECONDS = 1.0

Waiter = asyncio.Queue[Event | None]
"""A queue of one job's events; None means that the job's row is in a terminal state."""

_log = structlog.get_logger(__name__)


class EventHub:
    """Distributes each event to the waiters of its job."""

    def __init__(
        self, settings: WorkerSettings, finished_job_ids: Callable[[Sequence[str]], Sequence[str]]
    ) -> None:
        self._settings = settings
        self._finished_job_ids = finished_job_ids
        self._waiters: dict[str, set[Waiter]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._redis = self._client(settings.redis_timeout_seconds)

    def _client(self, timeout_seconds: float | None) -> Redis:
        return Redis.from_url(
            self._settings.redis_url.get_secret_value(),
            socket_timeout=timeout_seconds,
            socket_connect_timeout=self._settings.redis_timeout_seconds,
            socket_keepalive=True,
        )

    async def start(self) -> None:
        """Start the subscription and the reconciliation."""
        self._tasks = [
            asyncio.create_task(self._listen_forever(), name="event-hub"),
            asyncio.create_task(self._reconcile_forever(), name="event-hub-reconcile"),
        ]

    async def stop(self) -> None:
        """Unsubscribe; waiters are not woken."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()

    @contextmanager
    def watch(self, job_id: str) -> Iterator[Waiter]:
        """A queue that receives a job's events from now on."""
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
        """The stored events of a job after an event id; empty when Redis does not respond."""
        start = f"({after}" if after else "-"
        try:
            entries: Any = await self._redis.xrange(
                stream_key(job_id), min=start, count=REPLAY_LENGTH
            )
            preview: Any = await self._redis.getrange(preview_key(job_id), 0, MAX_PREVIEW)
        except RedisError as error:
            _log.warning("replay_failed", error=type(error).__name__)
            return []
        events, refused = parse_stream(job_id, entries, preview)
        report_refused("replay", refused)
        return events

    async def wait_until_finished(
        self,
        job_id: str,
        *,
        timeout_seconds: float,
        is_over: Callable[[], Awaitable[bool]],
    ) -> None:
        """Wait until a job is over, or until the timeout.

        Args:
            job_id: the job to wait for.
            timeout_seconds: the longest wait.
            is_over: called once after the subscription: the job may have ended just before it.
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
            except Exception as error:  # noqa: BLE001 - whatever came, the next events are awaited
                _log.warning("subscription_lost", error=type(error).__name__)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        # Without a read timeout: silence is normal here, and TCP keep-alives detect a dead peer.
        client = self._client(None)
        try:
            pubsub = client.pubsub(ignore_subscribe_messages=True)
            await pubsub.subscribe(CHANNEL)
            async for message in pubsub.listen():
                events, refused = parse_message(message["data"], self._waiters)
                report_refused("event", refused)
                for event in events:
                    self._distribute(event)
        finally:
            await client.aclose()

    def _distribute(self, event: Event) -> None:
        for waiter in self._waiters.get(event.job_id, ()):
            waiter.put_nowait(event)

    async def _reconcile_forever(self) -> None:
        while True:
            await asyncio.sleep(RECONCILE_SECONDS)
            if not self._waiters:
                continue
            try:
                finished = await run_in_threadpool(self._finished_job_ids, list(self._waiters))
            except Exception as error:  # noqa: BLE001 - waiters depend on the next round
                _log.warning("reconcile_failed", error=type(error).__name__)
                continue
            for job_id in finished:
                for waiter in self._waiters.get(job_id, ()):
                    waiter.put_nowait(None)
