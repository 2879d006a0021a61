"""One worker process: one device, the variants that it keeps warm, a heartbeat and a consumer."""

import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from celery import Celery, signals

from db.core.base import new_id
from db.core.session import Database
from db.storage.object_store import ObjectStore
from db.worker_registry import WorkerReport
from workers import catalog
from workers.adapters.pinning import pin
from workers.messaging.coalescing import CoalescingNotifier
from workers.messaging.events import Publisher
from workers.messaging.queue import QueueNotifier, Ticket, make_celery
from workers.moderation.moderator import Moderator
from workers.moderation.settings import ModerationSettings, rules_of
from workers.runtime import tasks
from workers.runtime.active_jobs import ActiveJobs
from workers.runtime.consumer import TicketConsumer
from workers.runtime.device_failure import exit_on_device_failure
from workers.runtime.device_memory import DeviceMemory
from workers.runtime.drain_gate import DrainGate
from workers.runtime.executor import Executor
from workers.runtime.heartbeat import Heartbeat
from workers.runtime.model_cache import ModelCache, ServedModel
from workers.runtime.watchdog import Watchdog
from workers.settings import WorkerSettings, weights_overrides
from workers.telemetry import metrics, tracing

_log = structlog.get_logger(__name__)


@dataclass
class WorkerProcess:
    """A worker, from start to SIGTERM.

    Attributes:
        variant_ids: what it serves.
        device: "cpu" or "cuda:N".
        extra: what it serves beyond the standard catalogue: rows with their adapters.
    """

    variant_ids: Sequence[str]
    device: str
    database: Database
    store: ObjectStore
    settings: WorkerSettings
    id: str = field(default_factory=lambda: new_id("wrk"))
    extra: Sequence[ServedModel] = ()
    _active_jobs: ActiveJobs = field(default_factory=ActiveJobs)
    _phase: str = "starting"
    _gate: DrainGate = field(default_factory=DrainGate)
    _notifier: CoalescingNotifier = field(init=False)
    _model_cache: ModelCache = field(default_factory=lambda: ModelCache({}))
    _memory: DeviceMemory = field(default_factory=DeviceMemory)

    def run(self) -> None:
        """Load the models, then answer tickets until SIGTERM; jobs in hand are finished first.

        Raises:
            workers.catalog.UnknownVariantError: a variant is not in the catalogue.
            workers.adapters.weights.WeightsError: a variant's weights cannot be loaded.
            workers.runtime.model_cache.BudgetError: a variant does not fit into the device.
            workers.moderation.filter_file.FilterFileError: the content filters cannot be used.
            workers.adapters.hosted.settings.HostedSetupError: a hosted variant has no upstream.
        """
        tracing.start("bottega-worker")
        publisher, queue_notifier = Publisher(self.settings), QueueNotifier(self.settings)
        self._notifier = CoalescingNotifier(queue_notifier)
        beating = self.database.apart()
        heartbeat = self._heartbeat(beating)
        heartbeat.start()
        watchdog = Watchdog(self._active_jobs, grace_seconds=self.settings.hang_seconds)
        watchdog.start()
        try:
            executor = self._executor(publisher)
            self._phase = "ready"
            self._consume(executor)
        finally:
            watchdog.stop()
            heartbeat.stop(failed=self._phase == "starting")
            beating.close()
            publisher.close()
            self._notifier.close()
            queue_notifier.close()
            self.database.close()
            tracing.stop()

    def _heartbeat(self, database: Database) -> Heartbeat:
        return Heartbeat(
            database,
            self._active_jobs,
            self._report,
            every_seconds=self.settings.heartbeat_seconds,
            lease_seconds=self.settings.lease_seconds,
            drained=lambda drained: self._gate.told(drained=drained),
            alive_file=self.settings.alive_file,
        )

    def _executor(self, publisher: Publisher) -> Executor:
        rules = rules_of(ModerationSettings())
        self._load()
        return Executor(
            worker_id=self.id,
            database=self.database,
            store=self.store,
            publisher=publisher,
            active_jobs=self._active_jobs,
            settings=self.settings,
            served=self._model_cache.served,
            more_waits=self._notify,
            moderator=Moderator(rules, self.database),
            model_cache=self._model_cache,
        )

    def _notify(self, variant: str) -> None:
        self._notifier.notify(Ticket(variant))

    def _load(self) -> None:
        """Models onto the device, before the first ticket: what fits never meets a cold start."""
        torch_device = pin(self.device)
        if self.settings.torch_threads:
            os.environ["OMP_NUM_THREADS"] = str(self.settings.torch_threads)
        if self.settings.cache_dir:
            kernels = str(self.settings.cache_dir.absolute() / "kernels")
            os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", kernels)
        # Not at the top: the device must be pinned before anything imports torch.
        from workers.adapters.registry import make_adapter  # noqa: PLC0415

        served = {}
        for variant_id in self.variant_ids:
            variant = catalog.find(variant_id)
            adapter = make_adapter(variant, torch_device, weights_overrides())
            served[variant_id] = ServedModel(variant, adapter)
        served |= {more.variant.id: more for more in self.extra}
        self._memory = DeviceMemory(torch_device)
        self._model_cache = ModelCache(
            served,
            budget_bytes=self.settings.device_memory_bytes or self._memory.budget_bytes(),
            stay_seconds=self.settings.stay_seconds,
            memory_bytes=self._memory.taken_bytes,
        )
        self._model_cache.load_what_fits()

    @property
    def _served_ids(self) -> list[str]:
        return [*self.variant_ids, *(more.variant.id for more in self.extra)]

    def _consume(self, executor: Executor) -> None:
        metrics.show(metrics.WorkerGauges(self._memory.bytes_by_kind, self._loaded))
        metrics.serve(self.settings)
        app = make_celery(self.settings, queues=tuple(self._served_ids))
        answer = exit_on_device_failure(
            lambda variant: self._gate.passed() and executor.answer(variant).more,
            lambda: executor.device_lost,
            self._active_jobs,
            grace_seconds=self.settings.grace_seconds,
        )
        turns = TicketConsumer(
            answer,
            self._notify,
            seconds=self.settings.turn_seconds,
        )
        tasks.register(app, turns.handle)

        def drain(**_about: object) -> None:
            self._phase = "draining"
            self._gate.end()
            turns.close()
            grace = threading.Timer(self.settings.grace_seconds, executor.hand_back)
            grace.daemon = True
            grace.start()

        signals.worker_shutting_down.connect(drain, weak=False)
        _log.info("worker_ready", worker_id=self.id, variants=self._served_ids)
        self._celery_worker(app).start()

    def _loaded(self) -> dict[str, bool]:
        here = self._model_cache.ids
        return {variant: variant in here for variant in self._served_ids}

    @property
    def _concurrency(self) -> int:
        """Jobs in flight: what the operator says, else enough for the model that takes most."""
        if "concurrency" in self.settings.model_fields_set:
            return self.settings.concurrency
        rows = [*map(catalog.find, self.variant_ids), *(more.variant for more in self.extra)]
        return max(self.settings.concurrency, *(row.calls_at_once for row in rows))

    def _celery_worker(self, app: Celery) -> Any:
        return app.Worker(
            hostname=f"{self.id}@{socket.gethostname()}",
            pool="threads",
            concurrency=self._concurrency,
            loglevel="WARNING",
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )

    def _report(self) -> WorkerReport:
        busy = self._phase == "ready" and bool(self._active_jobs.snapshot())
        loading, memory = self._model_cache.loading, self._memory.now()
        return WorkerReport(
            id=self.id,
            host=socket.gethostname(),
            pid=os.getpid(),
            device=self.device,
            variants=self._served_ids,
            state="draining" if self._gate.is_shut else "busy" if busy else self._phase,
            resident=self._model_cache.ids,
            loading=loading.variant if loading else None,
            loading_fraction=loading.fraction if loading else None,
            memory_used_bytes=memory.used_bytes if memory else 0,
            memory_total_bytes=memory.total_bytes if memory else 0,
        )
