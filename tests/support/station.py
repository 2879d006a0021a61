"""A worker's insides without a model: executor, register and scripted adapters on real servers."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PIL import Image
from redis import Redis

from db.core.session import Database
from db.storage.object_store import ObjectStore
from tests.support.adapters import Behaviour, ScriptedAdapter
from tests.support.jobs import counts, submit
from tests.support.waiting import await_true
from workers import catalog
from workers.messaging.events import Event, Publisher, parse_entry, stream_key
from workers.messaging.queue import redis_client
from workers.moderation.filter_file import Rules
from workers.moderation.moderator import Moderator
from workers.runtime.active_jobs import ActiveJobs
from workers.runtime.executor import Executor
from workers.runtime.model_cache import ModelCache, ServedModel
from workers.runtime.process import make_executor
from workers.settings import WorkerSettings

PAINTER = "flux.1-demo"
SEER = "florence-2-demo"


@dataclass
class Station:
    """One worker's place: what it serves is answered by `adapter`, whatever the variant."""

    database: Database
    store: ObjectStore
    settings: WorkerSettings
    publisher: Publisher
    worker_id: str = "wrk_1"
    adapter: ScriptedAdapter = field(default_factory=ScriptedAdapter)
    register: ActiveJobs = field(default_factory=ActiveJobs)
    rules: Rules = field(default_factory=Rules)
    more_waits: Callable[[str], object] = bool
    model_cache: ModelCache | None = None

    def executor(self) -> Executor:
        """An executor of this station."""
        served = {name: ServedModel(catalog.find(name), self.adapter) for name in (PAINTER, SEER)}
        return make_executor(
            worker_id=self.worker_id,
            database=self.database,
            store=self.store,
            publisher=self.publisher,
            active_jobs=self.register,
            settings=self.settings,
            on_backlog=self.more_waits,
            moderator=Moderator(self.rules, self.database),
            model_cache=self.model_cache or ModelCache.loaded(served),
        )

    def answer(self, *script: Behaviour, variant: str = PAINTER) -> int:
        """Run one batch, the adapter behaving so; the number of jobs claimed."""
        self.adapter.script[:] = script
        return run_batch(self, self.executor(), variant)

    def submit(self, tenant_id: str, variant: str = PAINTER, **given: Any) -> str:
        """Submit a job with this input, as the API would; its id."""
        row = catalog.find(variant)
        parameters = row.parameters.model_validate({**_LEAST[variant], **given})
        return submit(
            self.database,
            tenant_id,
            variant=variant,
            input=parameters.model_dump(mode="json"),
            batch_key=row.batch_key(parameters),
            batch_limit=row.batch_limit(parameters),
            unit_kind=row.unit_kind,
        )

    def events(self, job_id: str) -> list[Event]:
        """What has been told of a job so far."""
        with redis_client(self.settings) as client:
            return read_events(client, job_id)

    def stored_keys(self) -> list[str]:
        """Every key in the store."""
        return [info.key for info in self.store.list("")]


_LEAST: dict[str, dict[str, Any]] = {
    PAINTER: {"prompt": "a red circle", "seed": 7},
    SEER: {"task": "<OD>"},
}


def run_batch(station: Station, executor: Executor, variant: str = PAINTER) -> int:
    """Run one batch; the number of jobs claimed, by the attempts that were entered."""
    [before] = counts(station.database, "attempts")
    executor.run_batch(variant)
    return counts(station.database, "attempts")[0] - before


def told(station: Station, job_id: str, last: str) -> list[tuple[str, Any]]:
    """A job's events once the last of them has been told: type, and state or step."""

    def events() -> list[tuple[str, Any]]:
        return [(e.type, e.data.get("state", e.data.get("step"))) for e in station.events(job_id)]

    assert await_true(lambda: bool(events()) and events()[-1][1] == last)
    return events()


def read_events(client: Redis, job_id: str) -> list[Event]:
    """A job's stream."""
    return [parse_entry(job_id, entry) for entry in client.xrange(stream_key(job_id))]


Let = Callable[[], object]


def and_then(behave: Behaviour, *lets: Let) -> Behaviour:
    """A behaviour, and what happens elsewhere before its result is back."""

    def behaviour(*arguments: Any) -> Any:
        outputs = behave(*arguments)
        for let in lets:
            let()
        return outputs

    return behaviour


def picture(size: tuple[int, int] = (40, 30)) -> bytes:
    """A PNG's bytes."""
    buffer = io.BytesIO()
    Image.new("L", size, 200).save(buffer, "PNG")
    return buffer.getvalue()
