"""Events of jobs, published through Redis.

Every event is one entry of the job's Redis stream, for replay, and is published on one channel, to
which each API process subscribes once. Redis may lose both: the job's row is the truth.
"""

import json
import threading
from collections.abc import Collection, Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Annotated, Any, Literal, NamedTuple, cast

import structlog
from pydantic import BaseModel, Field, NonNegativeInt, TypeAdapter, ValidationError
from redis import Redis
from redis.exceptions import RedisError

from db.values.job_state import JobState
from workers.messaging.queue import redis_client
from workers.settings import WorkerSettings

CHANNEL = "bottega:events"
STREAM_LENGTH = 256
STREAM_SECONDS = 3600
REPLAY_LENGTH = 4 * STREAM_LENGTH
"""The most entries of a stream that are read: Redis trims a stream late, but not that late."""

_MAX_MESSAGE_BYTES = 16 * 2**20
"""Above all that a batch of previews can take."""

MAX_PREVIEW = 200_000
"""Characters of a preview's data URI; a worker makes none of more than 33,000."""

_BACKLOG = 10_000
_BATCH = 64
_PAUSE_SECONDS = 0.005
"""The pause after a batch: the events of that time are the next batch."""

_CLOSE_SECONDS = 5.0

# One round trip and one message for a whole batch; each event has the id that its stream gave it.
# Keys are the channel, then each event's stream, its job's preview and the mark of its removal.
# Arguments are the stream's length and lifetime, the data of a job's first two events, then each
# event's job, type and data.
# A preview is large: the stream holds only its position, and the latest preview alone is stored,
# until the job is done. A worker may publish that a job runs before the API has published that it
# was queued: the one that comes first publishes both. A worker that has not noticed the end of a
# job yet sends previews still: where the job's events were removed, they are dropped.
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
for n = 1, (#KEYS - 1) / 3 do
    local stream, preview, removed = KEYS[3 * n - 1], KEYS[3 * n], KEYS[3 * n + 1]
    local job, kind, data = ARGV[3 * n + 2], ARGV[3 * n + 3], ARGV[3 * n + 4]
    local begun = redis.call('EXISTS', stream) == 1
    if data == running and not begun then
        publish(stream, preview, job, kind, queued)
    end
    local dropped = kind == 'preview' and redis.call('EXISTS', removed) == 1
    if (data ~= queued or not begun) and not dropped then
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


EventType = Literal["state", "progress", "preview", "done"]


@dataclass(frozen=True)
class Event:
    """One event of a job.

    Attributes:
        id: its position in the job's stream, e.g. "1718000000000-0"; ids grow.
    """

    id: str
    job_id: str
    type: EventType
    data: Mapping[str, Any]

    @property
    def order(self) -> tuple[int, int]:
        """The id as numbers, for comparison."""
        return parse_id(self.id)


def encode_data(event: Event) -> str:
    """The data of an event as JSON."""
    return json.dumps(event.data)


def stream_key(job_id: str) -> str:
    """The Redis key of a job's stream."""
    return f"bottega:job:{job_id}:events"


def preview_key(job_id: str) -> str:
    """The Redis key of a job's latest preview."""
    return f"bottega:job:{job_id}:preview"


def removal_key(job_id: str) -> str:
    """The Redis key that exists for a while after a job's events were removed."""
    return f"bottega:job:{job_id}:removed"


def parse_id(text: str) -> tuple[int, int]:
    """A stream id as (milliseconds, sequence).

    Raises:
        ValueError: it is not a stream id.
    """
    milliseconds, _, sequence = text.partition("-")
    return int(milliseconds), int(sequence or 0)


class _StateData(BaseModel):
    state: JobState
    attempt: NonNegativeInt


class _ProgressData(BaseModel):
    step: NonNegativeInt
    steps: NonNegativeInt
    fraction: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _PreviewData(BaseModel):
    step: NonNegativeInt
    steps: NonNegativeInt
    image: Annotated[
        str, Field(max_length=MAX_PREVIEW, pattern=r"^data:image/jpeg;base64,[0-9A-Za-z+/]*=*$")
    ]


class _DoneData(BaseModel):
    state: JobState


_DATA: Mapping[str, type[BaseModel]] = {
    "state": _StateData,
    "progress": _ProgressData,
    "preview": _PreviewData,
    "done": _DoneData,
}
_Id = Annotated[str, Field(pattern=r"^[0-9]{1,20}-[0-9]{1,20}$")]
_ID = TypeAdapter(_Id)
_MESSAGE = TypeAdapter(list[tuple[str, str, str, str]])


class ParsedEvents(NamedTuple):
    """The events of a message or a stream, and the number of parts that are none.

    Whoever can write to Redis can write anything: what has not the form of an event is dropped.
    """

    events: list[Event]
    refused: int


def parse_message(message: bytes, wanted: Container[str]) -> ParsedEvents:
    """The events of the wanted jobs in a message from the channel, whatever the message is."""
    try:
        if len(message) > _MAX_MESSAGE_BYTES:
            return ParsedEvents([], 1)
        entries = _MESSAGE.validate_json(message)
    except ValidationError:
        return ParsedEvents([], 1)
    return _parsed([_event(*entry) for entry in entries if entry[1] in wanted])


def _parsed(found: Sequence[Event | None]) -> ParsedEvents:
    events = [event for event in found if event is not None]
    return ParsedEvents(events, len(found) - len(events))


def _event(event_id: str, job_id: str, kind: str, data: str | bytes) -> Event | None:
    try:
        parsed = _DATA[kind].model_validate_json(data).model_dump(mode="json")
        return Event(_ID.validate_python(event_id), job_id, cast("EventType", kind), parsed)
    except (KeyError, ValidationError):
        return None


def parse_entry(job_id: str, entry: tuple[bytes, Mapping[bytes, bytes]]) -> Event | None:
    """An event from a job's stream; None for an entry that is none."""
    event_id, fields = entry
    kind, data = fields.get(b"type", b""), fields.get(b"data", b"")
    return _event(_text(event_id), job_id, _text(kind), data)


def _text(raw: bytes) -> str:
    return raw.decode("ascii", "replace")


def parse_stream(
    job_id: str, entries: Sequence[tuple[bytes, Mapping[bytes, bytes]]], preview: bytes | None
) -> ParsedEvents:
    """The events of a job's stream; of its previews the latest alone.

    Args:
        job_id: the job.
        entries: the stream's entries.
        preview: the value of `preview_key`: the latest preview's id and data.
    """
    latest, _, data = (preview or b"").partition(b" ")
    filled = [(event_id, {**fields}) for event_id, fields in entries]
    for event_id, fields in filled:
        if fields.get(b"data") == b"":
            fields[b"data"] = data if event_id == latest else b""
    kept = [entry for entry in filled if entry[1].get(b"data") != b""]
    return _parsed([parse_entry(job_id, entry) for entry in kept])


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

    def remove_events(self, job_ids: Collection[str]) -> bool:
        """Delete the events and previews of jobs at once, and drop previews that come later.

        Returns:
            False while Redis does not answer: they expire by themselves.
        """
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                for job_id in job_ids:
                    pipe.set(removal_key(job_id), "", ex=STREAM_SECONDS)
                    pipe.delete(stream_key(job_id), preview_key(job_id))
                pipe.execute()
        except RedisError as error:
            _log.warning("events_not_removed", count=len(job_ids), reason=type(error).__name__)
            return False
        return True

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
            keys += [stream_key(job_id), preview_key(job_id), removal_key(job_id)]
        parts = [part for event in events for part in event]
        try:
            self._script(keys=keys, args=[STREAM_LENGTH, STREAM_SECONDS, *_FIRST_STATES, *parts])
        except RedisError as error:
            _log.warning("events_dropped", count=len(events), reason=type(error).__name__)
            return False
        return True
