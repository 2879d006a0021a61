"""One Redis subscription per process, whose events are distributed in memory.

A request that waits for a job holds a buffer of a few events and nothing else: no thread, no
connection. One look at the database every two seconds, for all that wait, covers events that Redis
lost, and credentials that are no longer valid.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import structlog
from fastapi.concurrency import run_in_threadpool
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.resources.credentials import Credential
from api.resources.fan_out import Channel, FanOut
from api.resources.shared_results import SharedResults
from api.resources.waiter import CloseReason, StreamedEvent, Waiter
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
_RECENT = 64

_log = structlog.get_logger(__name__)


class EventHub:
    """Distributes each event to the waiters of its job."""

    def __init__(
        self,
        settings: WorkerSettings,
        finished_job_ids: Callable[[Sequence[str]], Sequence[str]],
        invalid_credentials: Callable[[Sequence[Credential]], Sequence[Credential]],
    ) -> None:
        """Prepare a hub; `start` subscribes.

        Args:
            settings: the Redis of the events.
            finished_job_ids: returns those of these jobs that are over; called in a thread.
            invalid_credentials: returns those of these credentials that are no longer valid;
                called in a thread.
        """
        self._settings = settings
        self._finished_job_ids = finished_job_ids
        self._invalid_credentials = invalid_credentials
        self._channels: dict[str, Channel] = {}
        self._fan_out = FanOut()
        self._replays: SharedResults[list[StreamedEvent]] = SharedResults(keep_seconds=0)
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._redis = self._client(settings.redis_timeout_seconds)

    def _client(self, timeout_seconds: float | None) -> Redis:
        return Redis.from_url(
            self._settings.redis_url.get_secret_value(),
            socket_timeout=timeout_seconds,
            socket_connect_timeout=self._settings.redis_timeout_seconds,
            socket_keepalive=True,
        )

    async def start(self) -> None:
        """Start the subscription, the distribution and the reconciliation."""
        self._tasks = [
            asyncio.create_task(self._listen_forever(), name="event-hub"),
            asyncio.create_task(self._fan_out.run(), name="event-hub-fan-out"),
        ]
        self._reconciling = asyncio.create_task(
            self._reconcile_until_stopped(), name="event-hub-reconcile"
        )

    async def stop(self) -> None:
        """Unsubscribe; waiters are not woken."""
        for task in self._tasks:
            task.cancel()
        # Not cancelled: its thread would go on, with a connection that nobody closes any more.
        self._stopping.set()
        await asyncio.gather(*self._tasks, self._reconciling, return_exceptions=True)
        await self._redis.aclose()

    @property
    def waiters(self) -> list[Waiter]:
        """Every client that waits."""
        return [waiter for channel in self._channels.values() for waiter in channel.waiters]

    @contextmanager
    def watch(self, job_id: str, credential: Credential) -> Iterator[Waiter]:
        """A waiter that receives a job's events from now on."""
        waiter = Waiter(credential)
        channel = self._channels.setdefault(job_id, Channel(deque(maxlen=_RECENT)))
        channel.waiters[waiter] = None
        try:
            yield waiter
        finally:
            del channel.waiters[waiter]
            if not channel.waiters:
                del self._channels[job_id]

    async def replay(
        self, job_id: str, waiter: Waiter, *, after: tuple[int, int] = (0, 0)
    ) -> list[StreamedEvent]:
        """The events of a job so far, after an event; the waiter gets those that follow.

        Clients that ask at the same moment share one look at Redis. While Redis does not respond,
        there are only the events of the last moments, and those that follow.

        Args:
            job_id: the job.
            waiter: the client's own, by `watch`.
            after: the order of the last event that the client has; zeros for none.
        """

        async def load() -> list[StreamedEvent]:
            return await self._load(job_id, after)

        stored = await self._replays.get((job_id, after), load)
        last = stored[-1].order if stored else after
        channel = self._channels[job_id]
        # A shared look may be older than this client's wait: what came since is remembered.
        events = stored + [each for each in channel.recent if each.order > last]
        waiter.skip_to(events[-1].order if events else after)
        return events

    async def _load(self, job_id: str, after: tuple[int, int]) -> list[StreamedEvent]:
        start = f"({after[0]}-{after[1]}" if after > (0, 0) else "-"
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
        return [StreamedEvent(event) for event in events]

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
                events, refused = parse_message(message["data"], self._channels)
                report_refused("event", refused)
                for event in events:
                    self._distribute(event)
        finally:
            await client.aclose()

    def _distribute(self, event: Event) -> None:
        if (channel := self._channels.get(event.job_id)) is not None:
            self._fan_out.put(channel, StreamedEvent(event))

    async def _reconcile_until_stopped(self) -> None:
        while not await self._stopped_within(RECONCILE_SECONDS):
            try:
                await self._reconcile()
            except Exception as error:  # noqa: BLE001 - waiters depend on the next round
                _log.warning("reconcile_failed", error=type(error).__name__)

    async def _stopped_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        return self._stopping.is_set()

    async def _reconcile(self) -> None:
        if not self._channels:
            return
        credentials = {waiter.credential for waiter in self.waiters}
        invalid = set(await run_in_threadpool(self._invalid_credentials, [*credentials]))
        for waiter in self.waiters:
            if waiter.credential in invalid:
                waiter.close(CloseReason.INVALID_CREDENTIAL)
        for job_id in await run_in_threadpool(self._finished_job_ids, [*self._channels]):
            if (channel := self._channels.get(job_id)) is not None:
                self._fan_out.end(channel)
