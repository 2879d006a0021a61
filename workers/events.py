"""What happens to a job, told to whoever listens.

Every event is one entry of the job's Redis stream, for replay, and one message on one channel,
which each API process subscribes to once. Redis may forget either: the row still answers.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError

from workers.queue import redis_client
from workers.settings import WorkerSettings

CHANNEL = "bottega:events"
STREAM_LENGTH = 256
STREAM_SECONDS = 3600
_BACKLOG = 10_000
_CLOSE_SECONDS = 5.0

# One round trip, and the message bears the id that the stream gave it.
_PUBLISH = """
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'type', ARGV[1],
                      'data', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', KEYS[2], cjson.encode({id, ARGV[5], ARGV[1], ARGV[2]}))
return id
"""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Event:
    """One thing that happened: `type` is state, progress or done.

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


def parse_id(text: str) -> tuple[int, int]:
    """A stream id as (milliseconds, sequence).

    Raises:
        ValueError: it is not a stream id.
    """
    milliseconds, _, sequence = text.partition("-")
    return int(milliseconds), int(sequence or 0)


def parse_message(message: str) -> Event:
    """An event from the channel."""
    event_id, job_id, kind, data = json.loads(message)
    return Event(event_id, job_id, kind, json.loads(data))


def parse_entry(job_id: str, entry: tuple[str, Mapping[str, str]]) -> Event:
    """An event from a job's stream."""
    event_id, fields = entry
    return Event(event_id, job_id, fields["type"], json.loads(fields["data"]))


class Publisher:
    """Tells events from a thread of its own: whoever publishes never waits for Redis.

    Events are dropped, with one line in the log, while Redis does not answer.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._redis: Redis = redis_client(settings)
        self._script = self._redis.register_script(_PUBLISH)
        self._waiting: SimpleQueue[tuple[str, str, str] | None] = SimpleQueue()
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
        self.publish(job_id, "state", {"state": state, "attempt": attempt})

    def done(self, job_id: str, state: str) -> None:
        """Tell that a job is over; nothing follows."""
        self.publish(job_id, "done", {"state": state})

    def close(self) -> None:
        """Tell what still waits, then stop; what Redis does not take at once is dropped."""
        self._closing.set()
        self._waiting.put(None)
        self._thread.join(_CLOSE_SECONDS)

    def _tell_all(self) -> None:
        while (event := self._waiting.get()) is not None:
            if not self._tell(*event) and self._closing.is_set():
                break
        self._redis.close()

    def _tell(self, job_id: str, kind: str, data: str) -> bool:
        try:
            self._script(
                keys=[stream_key(job_id), CHANNEL],
                args=[kind, data, STREAM_LENGTH, STREAM_SECONDS, job_id],
            )
        except RedisError as error:
            _log.warning("event_dropped", job_id=job_id, type=kind, reason=type(error).__name__)
            return False
        return True
