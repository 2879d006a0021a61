"""A worker without a model: executor, active jobs and a scripted adapter on real servers."""

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from PIL import Image
from redis import Redis

from db.core.session import Database
from db.storage.object_store import ObjectStore
from db.webhooks.types import Webhook
from tests.support.adapters import Behaviour, ScriptedAdapter
from tests.support.jobs import counts, submit
from tests.support.waiting import await_true
from workers import catalog
from workers.messaging.events import Event, Publisher, parse_stream, stream_key
from workers.messaging.queue import redis_client
from workers.moderation.filter_file import Rules
from workers.moderation.moderator import Moderator
from workers.runtime.active_jobs import ActiveJobs
from workers.runtime.executor import Executor
from workers.runtime.model_cache import ModelCache, ServedModel
from workers.runtime.process import make_executor
from workers.settings import WorkerSettings

FLUX = "flux.1-demo"
FLORENCE2 = "florence-2-demo"
_LOOK_SECONDS = 0.02


@dataclass
class Station:
    """One worker of a test; `adapter` runs the jobs of every variant."""

    database: Database
    store: ObjectStore
    settings: WorkerSettings
    publisher: Publisher
    worker_id: str = "wrk_1"
    adapter: ScriptedAdapter = field(default_factory=ScriptedAdapter)
    active_jobs: ActiveJobs = field(default_factory=ActiveJobs)
    rules: Rules = field(default_factory=Rules)
    on_backlog: Callable[[str], object] = bool
    model_cache: ModelCache | None = None

    def executor(self) -> Executor:
        """An executor of this worker."""
        served = {name: ServedModel(catalog.find(name), self.adapter) for name in (FLUX, FLORENCE2)}
        return make_executor(
            worker_id=self.worker_id,
            database=self.database,
            store=self.store,
            publisher=self.publisher,
            active_jobs=self.active_jobs,
            settings=self.settings,
            on_backlog=self.on_backlog,
            moderator=Moderator(self.rules, self.database),
            model_cache=self.model_cache or ModelCache.loaded(served),
        )

    def run_batch(self, *script: Behaviour, variant: str = FLUX) -> int:
        """Run one batch with these behaviours; return the number of jobs that it claimed."""
        self.adapter.script[:] = script
        return run_and_count(self, self.executor(), variant)

    def submit(
        self,
        tenant_id: str,
        variant: str = FLUX,
        *,
        webhook: Webhook | None = None,
        **given: Any,
    ) -> str:
        """Submit a job with this input, as the API does; return its id."""
        row = catalog.find(variant)
        parameters = row.parameters.model_validate({**_DEFAULT_INPUTS[variant], **given})
        return submit(
            self.database,
            tenant_id,
            variant=variant,
            input=parameters.model_dump(mode="json"),
            batch_key=row.batch_key(parameters),
            batch_limit=row.batch_limit(parameters),
            unit_kind=row.unit_kind,
            webhook=webhook,
        )

    def events(self, job_id: str) -> list[Event]:
        """The events of a job that are published so far."""
        with redis_client(self.settings, decode_responses=False) as client:
            return read_events(client, job_id)

    def stored_keys(self) -> list[str]:
        """Every key in the store."""
        return [info.key for info in self.store.list("")]


_DEFAULT_INPUTS: dict[str, dict[str, Any]] = {
    FLUX: {"prompt": "a red circle", "seed": 7},
    FLORENCE2: {"task": "<OD>"},
}


def run_and_count(station: Station, executor: Executor, variant: str = FLUX) -> int:
    """Run one batch; return the number of claimed jobs, counted by their rows of attempts."""
    [before] = counts(station.database, "attempts")
    executor.run_batch(variant)
    return counts(station.database, "attempts")[0] - before


@contextmanager
def at_work(station: Station, *variants: str) -> Iterator[None]:
    """A worker that runs the jobs of these variants meanwhile, by the station's script."""
    stopping = threading.Event()
    executor = station.executor()

    def run() -> None:
        while not stopping.is_set():
            for variant in variants or (FLUX,):
                executor.run_batch(variant)
            stopping.wait(_LOOK_SECONDS)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def await_events(station: Station, job_id: str, last: str) -> list[tuple[str, Any]]:
    """Wait for a job's last event; return type, and state or step, of all."""

    def events() -> list[tuple[str, Any]]:
        return [(e.type, e.data.get("state", e.data.get("step"))) for e in station.events(job_id)]

    assert await_true(lambda: bool(events()) and events()[-1][1] == last)
    return events()


def read_events(client: Redis, job_id: str) -> list[Event]:
    """The events of a job's stream."""
    return parse_stream(job_id, client.xrange(stream_key(job_id)), None).events


def and_then(behave: Behaviour, *actions: Callable[[], object]) -> Behaviour:
    """A behaviour, followed by actions before its outputs are returned."""

    def behaviour(*arguments: Any) -> Any:
        outputs = behave(*arguments)
        for act in actions:
            act()
        return outputs

    return behaviour


def picture(size: tuple[int, int] = (40, 30)) -> bytes:
    """A PNG's bytes."""
    buffer = io.BytesIO()
    Image.new("L", size, 200).save(buffer, "PNG")
    return buffer.getvalue()
