"""Events of jobs, published through Redis.

Every event is one entry of the job's Redis stream, for replay, and is published on one channel, to
which each API process subscribes once. Redis may lose both: the job's row is the truth.
"""

import json
import threading
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError

from db.core.json_parser import parse_json
from workers.messaging.queue import redis_client
from workers.settings import WorkerSettings

CHANNEL = "bottega:events"
STREAM_LENGTH = 256
STREAM_SECONDS = 3600
_BACKLOG = 10_000
_BATCH = 64
_PAUSE_SECONDS = 0.005
"""The pause after a batch: the events of that time are the next batch."""

_CLOSE_SECONDS = 5.0

# One round trip and one message for a whole batch; each event has the id that its stream gave it.
# Keys are the channel, then each event's stream and its job's preview. Arguments are the stream's
# length and lifetime, the data of a job's first two events, then each event's job, type and data.
# A preview is large: the stream holds only its position, and the latest preview alone is stored,
# until the job is done. A worker may publish that a job runs before the API has published that it
# was queued: the one that comes first publishes both.
_PUBLISH = """
local published, queued, running = {}, ARGV[3], ARGV[4]
local function publish(stream, preview, job, kind, data)
    local entry = kind == 'preview' and '' or data
    local id = redis.call('XADD', stream, 'MAXLEN', '~', ARGV[1], '*', 'type', kind, 'data', entry)
    redis.call('EXPIRE', stream, ARGV[2])
    if kind == 'preview' then
        redis.call('SET', preview, id .. ' ' .. data, 'EX', ARGV[2])
    elseif kind == 'done' then
        redis.call('DEL', preview)
    end
    published[#published + 1] = {id, job, kind, data}
end
for n = 1, (#KEYS - 1) / 2 do
    local stream, preview = KEYS[2 * n], KEYS[2 * n + 1]
    local job, kind, data = ARGV[3 * n + 2], ARGV[3 * n + 3], ARGV[3 * n + 4]
    local begun = redis.call('EXISTS', stream) == 1
    if data == running and not begun then
        publish(stream, preview, job, kind, queued)
    end
    if data ~= queued or not begun then
        publish(stream, preview, job, kind, data)
    end
end
if #published > 0 then
    redis.call('PUBLISH', KEYS[1], cjson.encode(published))
end
"""
_PendingEvent = tuple[str, str, str]
"""An event's job, type and data, as JSON."""

_log = structlog.get_logger(__name__)


def _state_data(state: str, attempt: int) -> Mapping[str, Any]:
    """The data of a state event."""
    return {"state": state, "attempt": attempt}


_FIRST_STATES = (json.dumps(_state_data("queued", 0)), json.dumps(_state_data("running", 1)))


@dataclass(frozen=True)
class Event:
    """One event of a job; `type` is state, progress, preview or done.

    Attributes:
        id: its position in the job's stream, e.g. "1718000000000-0"; ids grow.
    """

    id: str
    job_id: str
    type: str
    data: Mapping[str, Any]

    @property
    def order(self) -> tuple[int, int]:
        """The id as numbers, for comparison."""
        return parse_id(self.id)


def stream_key(job_id: str) -> str:
    """The Redis key of a job's stream."""
    return f"bottega:job:{job_id}:events"


def preview_key(job_id: str) -> str:
    """The Redis key of a job's latest preview."""
    return f"bottega:job:{job_id}:preview"


def parse_id(text: str) -> tuple[int, int]:
    """A stream id as (milliseconds, sequence).

    Raises:
        ValueError: it is not a stream id.
    """
    milliseconds, _, sequence = text.partition("-")
    return int(milliseconds), int(sequence or 0)


def parse_message(message: str, wanted: Container[str]) -> list[Event]:
    """The events of the wanted jobs in a message from the channel.

    Raises:
        ValueError: it is not such a message.
    """
    return [
        Event(event_id, job_id, kind, parse_json(data))
        for event_id, job_id, kind, data in parse_json(message)
        if job_id in wanted
    ]


def parse_entry(job_id: str, entry: tuple[str, Mapping[str, str]]) -> Event:
    """An event from a job's stream."""
    event_id, fields = entry
    return Event(event_id, job_id, fields["type"], parse_json(fields["data"]))


def parse_stream(
    job_id: str, entries: Sequence[tuple[str, Mapping[str, str]]], preview: str | None
) -> list[Event]:
    """The events of a job's stream; of its previews the latest alone.

    Args:
        job_id: the job.
        entries: the stream's entries.
        preview: the value of `preview_key`: the latest preview's id and data.
    """
    latest, _, data = (preview or "").partition(" ")
    filled = [(event_id, {**fields}) for event_id, fields in entries]
    for event_id, fields in filled:
        fields["data"] = fields["data"] or (data if event_id == latest else "")
    return [parse_entry(job_id, entry) for entry in filled if entry[1]["data"]]


class Publisher:
    """Publishes events from a thread of its own: callers never wait for Redis.

    While Redis does not answer, events are dropped, with one line in the log.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._redis: Redis = redis_client(settings)
        self._script = self._redis.register_script(_PUBLISH)
        self._pending: SimpleQueue[_PendingEvent | None] = SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(
            target=self._publish_until_closed, name="events", daemon=True
        )
        self._thread.start()

    def publish(self, job_id: str, kind: str, data: Mapping[str, Any]) -> None:
        """Enqueue one event; it is published soon."""
        if self._pending.qsize() < _BACKLOG:
            self._pending.put((job_id, kind, json.dumps(data)))
        else:
            _log.warning("event_dropped", job_id=job_id, type=kind, reason="backlog")

    def publish_state(self, job_id: str, state: str, *, attempt: int) -> None:
        """Publish that a job has entered a state that is not its last one."""
        self.publish(job_id, "state", _state_data(state, attempt))

    def publish_preview(self, job_id: str, data: Mapping[str, Any]) -> None:
        """Publish a preview of a job's picture; dropped while many events are pending."""
        if self._pending.qsize() < _BATCH:
            self.publish(job_id, "preview", data)

    def publish_done(self, job_id: str, state: str) -> None:
        """Publish that a job has finished; it is the job's last event."""
        self.publish(job_id, "done", {"state": state})

    def close(self) -> None:
        """Publish the pending events, then stop; events that Redis does not take are dropped."""
        self._closing.set()
        self._pending.put(None)
        self._thread.join(_CLOSE_SECONDS)

    def _publish_until_closed(self) -> None:
        is_last = False
        while not is_last:
            events, is_last = self._next_batch()
            if events and not self._publish_batch(events) and self._closing.is_set():
                break
            self._closing.wait(_PAUSE_SECONDS)
        self._redis.close()

    def _next_batch(self) -> tuple[list[_PendingEvent], bool]:
        """The pending events, once there are any, and true when none will follow."""
        batch: list[_PendingEvent] = []
        entry = self._pending.get()
        with suppress(Empty):
            while entry is not None:
                batch.append(entry)
                if len(batch) == _BATCH:
                    return batch, False
                entry = self._pending.get_nowait()
            return batch, True
        return batch, False

    def _publish_batch(self, events: Sequence[_PendingEvent]) -> bool:
        keys = [CHANNEL]
        for job_id, _, _ in events:
            keys += [stream_key(job_id), preview_key(job_id)]
        parts = [part for event in events for part in event]
        try:
            self._script(keys=keys, args=[STREAM_LENGTH, STREAM_SECONDS, *_FIRST_STATES, *parts])
        except RedisError as error:
            _log.warning("events_dropped", count=len(events), reason=type(error).__name__)
            return False
        return True
