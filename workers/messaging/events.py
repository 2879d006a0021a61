"""What happens to a job, told to whoever listens.

Every event is one entry of the job's Redis stream, for replay, and is told on one channel, which
each API process subscribes to once. Redis may forget either: the row still answers.
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

from workers.messaging.queue import redis_client
from workers.settings import WorkerSettings

CHANNEL = "bottega:events"
STREAM_LENGTH = 256
STREAM_SECONDS = 3600
_BACKLOG = 10_000
_MOST_AT_ONCE = 64
_PAUSE_SECONDS = 0.005
"""After telling: what happens meanwhile is told together."""

_CLOSE_SECONDS = 5.0

# One round trip and one message for all that is to be told now; each event bears the id that its
# stream gave it. Keys are the channel, then each event's stream and its job's preview; arguments
# the stream's length and lifetime, what a job's first two events say, then each event's job, type
# and data. A preview is large: the stream has its place, and the latest one alone is kept, until
# the job is done. A worker may tell that a job runs before the API has told that it was queued:
# whoever comes first tells both.
_PUBLISH = """
local told, queued, running = {}, ARGV[3], ARGV[4]
local function tell(stream, shown, job, kind, data)
    local kept = kind == 'preview' and '' or data
    local id = redis.call('XADD', stream, 'MAXLEN', '~', ARGV[1], '*', 'type', kind, 'data', kept)
    redis.call('EXPIRE', stream, ARGV[2])
    if kind == 'preview' then
        redis.call('SET', shown, id .. ' ' .. data, 'EX', ARGV[2])
    elseif kind == 'done' then
        redis.call('DEL', shown)
    end
    told[#told + 1] = {id, job, kind, data}
end
for n = 1, (#KEYS - 1) / 2 do
    local stream, shown = KEYS[2 * n], KEYS[2 * n + 1]
    local job, kind, data = ARGV[3 * n + 2], ARGV[3 * n + 3], ARGV[3 * n + 4]
    local begun = redis.call('EXISTS', stream) == 1
    if data == running and not begun then
        tell(stream, shown, job, kind, queued)
    end
    if data ~= queued or not begun then
        tell(stream, shown, job, kind, data)
    end
end
if #told > 0 then
    redis.call('PUBLISH', KEYS[1], cjson.encode(told))
end
"""
_Untold = tuple[str, str, str]
"""An event's job, type and data, as JSON."""

_log = structlog.get_logger(__name__)


def _entered(state: str, attempt: int) -> Mapping[str, Any]:
    """What an event says of a state that a job has entered."""
    return {"state": state, "attempt": attempt}


_FIRST_STATES = (json.dumps(_entered("queued", 0)), json.dumps(_entered("running", 1)))


@dataclass(frozen=True)
class Event:
    """One thing that happened: `type` is state, progress, preview or done.

    Attributes:
        id: its place in the job's stream, e.g. "1718000000000-0"; ids grow.
    """

    id: str
    job_id: str
    type: str
    data: Mapping[str, Any]

    @property
    def order(self) -> tuple[int, int]:
        """The id as numbers, for comparing."""
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
    """The events in a message from the channel that are of the wanted jobs."""
    return [
        Event(event_id, job_id, kind, json.loads(data))
        for event_id, job_id, kind, data in json.loads(message)
        if job_id in wanted
    ]


def parse_entry(job_id: str, entry: tuple[str, Mapping[str, str]]) -> Event:
    """An event from a job's stream."""
    event_id, fields = entry
    return Event(event_id, job_id, fields["type"], json.loads(fields["data"]))


def parse_stream(
    job_id: str, entries: Sequence[tuple[str, Mapping[str, str]]], shown: str | None
) -> list[Event]:
    """A job's stream, with its latest preview (its id and data) and without the earlier ones."""
    latest, _, data = (shown or "").partition(" ")
    told = [(event_id, {**fields}) for event_id, fields in entries]
    for event_id, fields in told:
        fields["data"] = fields["data"] or (data if event_id == latest else "")
    return [parse_entry(job_id, entry) for entry in told if entry[1]["data"]]


class Publisher:
    """Tells events from a thread of its own: whoever publishes never waits for Redis.

    Events are dropped, with one line in the log, while Redis does not answer.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._redis: Redis = redis_client(settings)
        self._script = self._redis.register_script(_PUBLISH)
        self._waiting: SimpleQueue[_Untold | None] = SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._tell_all, name="events", daemon=True)
        self._thread.start()

    def publish(self, job_id: str, kind: str, data: Mapping[str, Any]) -> None:
        """Tell one event, soon."""
        if self._waiting.qsize() < _BACKLOG:
            self._waiting.put((job_id, kind, json.dumps(data)))
        else:
            _log.warning("event_dropped", job_id=job_id, type=kind, reason="backlog")

    def state(self, job_id: str, state: str, *, attempt: int) -> None:
        """Tell that a job has entered a state from which it will move on."""
        self.publish(job_id, "state", _entered(state, attempt))

    def preview(self, job_id: str, data: Mapping[str, Any]) -> None:
        """Tell what a job is coming to; left out while much else waits to be told."""
        if self._waiting.qsize() < _MOST_AT_ONCE:
            self.publish(job_id, "preview", data)

    def done(self, job_id: str, state: str) -> None:
        """Tell that a job is over; nothing follows."""
        self.publish(job_id, "done", {"state": state})

    def close(self) -> None:
        """Tell what still waits, then stop; what Redis does not take at once is dropped."""
        self._closing.set()
        self._waiting.put(None)
        self._thread.join(_CLOSE_SECONDS)

    def _tell_all(self) -> None:
        ended = False
        while not ended:
            events, ended = self._take()
            if events and not self._tell(events) and self._closing.is_set():
                break
            self._closing.wait(_PAUSE_SECONDS)
        self._redis.close()

    def _take(self) -> tuple[list[_Untold], bool]:
        """What waits, once something does; and whether it is the last."""
        taken: list[_Untold] = []
        entry = self._waiting.get()
        with suppress(Empty):
            while entry is not None:
                taken.append(entry)
                if len(taken) == _MOST_AT_ONCE:
                    return taken, False
                entry = self._waiting.get_nowait()
            return taken, True
        return taken, False

    def _tell(self, events: Sequence[_Untold]) -> bool:
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
