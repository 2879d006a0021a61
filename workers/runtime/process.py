"""One worker process: one device, the variants that it serves, a heartbeat and a consumer."""

import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from celery import Celery, signals

from db.core.base import new_id
from db.core.session import Database
from db.storage.object_store import ObjectStore
from db.values.worker_state import WorkerState
from db.worker_registry import WorkerReport
from workers import catalog
from workers.adapters import load_progress
from workers.adapters.cuda_check import (
    EMULATED,
    FIRST_NATIVE_BFLOAT16,
    check_card,
    check_torch,
    import_torch,
)
from workers.adapters.device_choice import choose_device, cpu_warning
from workers.adapters.pinning import parse_device, pin_device
from workers.catalog.serving import OPEN_REQUEST, ServingRequest
from workers.messaging.coalescing import CoalescingNotifier
from workers.messaging.events import Publisher
from workers.messaging.queue import QueueNotifier, Ticket, make_celery
from workers.messaging.redis_privileges import check_may_take_tickets
from workers.moderation.moderator import Moderator
from workers.moderation.settings import ModerationSettings, rules_of
from workers.runtime.active_jobs import ActiveJobs
from workers.runtime.consumer import TicketConsumer
from workers.runtime.device import Device
from workers.runtime.device_failure import exit_on_device_failure
from workers.runtime.device_memory import DeviceMemory
from workers.runtime.drain_gate import DrainGate
from workers.runtime.executor import Executor, Stages
from workers.runtime.failures import FailureRecorder
from workers.runtime.heartbeat import Heartbeat
from workers.runtime.inputs import InputLoader
from workers.runtime.model_cache import ModelCache, ServedModel
from workers.runtime.models.idle import IdleUnloader
from workers.runtime.models.load_log import LoadFigures, load_figures
from workers.runtime.models.load_watchdog import LoadWatchdog
from workers.runtime.models.planning import plan_models
from workers.runtime.models.problems import (
    ModelLoadError,
    ModelNotLoadedError,
    is_transient,
    problem_of,
)
from workers.runtime.results import ResultWriter
from workers.runtime.watchdog import Watchdog
from workers.settings import WorkerSettings, weights_overrides
from workers.telemetry import metrics, tracing
from workers.telemetry.refused_messages import report_refused

_log = structlog.get_logger(__name__)


def make_executor(  # noqa: PLR0913 - one for each thing that a batch passes through
    *,
    worker_id: str,
    database: Database,
    store: ObjectStore,
    publisher: Publisher,
    active_jobs: ActiveJobs,
    settings: WorkerSettings,
    model_cache: ModelCache,
    moderator: Moderator,
    on_backlog: Callable[[str], object] = lambda _variant: None,
    on_first_step: Callable[[], object] = lambda: None,
) -> Executor:
    """An executor with every stage of its pipeline; the arguments are those of its parts."""
    failures = FailureRecorder(database, publisher)
    stages = Stages(
        inputs=InputLoader(
            database=database,
            store=store,
            settings=settings,
            publisher=publisher,
            moderator=moderator,
            model_cache=model_cache,
        ),
        device=Device(publisher, model_cache.make_ready, on_first_step, model_cache.touch),
        moderator=moderator,
        results=ResultWriter(
            database=database,
            store=store,
            settings=settings,
            publisher=publisher,
            active_jobs=active_jobs,
            failures=failures,
        ),
        failures=failures,
    )
    return Executor(
        worker_id=worker_id,
        settings=settings,
        database=database,
        publisher=publisher,
        active_jobs=active_jobs,
        model_cache=model_cache,
        stages=stages,
        on_backlog=on_backlog,
    )


class WorkerProcess:
    """A worker, from start to SIGTERM."""

    def __init__(
        self,
        *,
        variant_ids: Sequence[str],
        device: str,
        database: Database,
        store: ObjectStore,
        settings: WorkerSettings,
        serving: ServingRequest = OPEN_REQUEST,
        id: str | None = None,  # noqa: A002 - the word of the registry
        extra: Sequence[ServedModel] = (),
    ) -> None:
        """Prepare a worker; `run` starts it.

        Args:
            variant_ids: the catalogue's variants that it serves.
            device: "auto", "cpu", "cuda:N" or a UUID, see `workers.adapters.pinning`.
            database: the rows; closed when the worker ends.
            store: inputs and results.
            settings: leases, intervals and limits.
            serving: how its models are to be served, before what their rows ask for.
            id: its id in the registry; a new one by default.
            extra: models beyond the standard catalogue, each a row with its adapter.
        """
        self.id = id or new_id("wrk")
        self._variant_ids = variant_ids
        self._device = device
        self._database = database
        self._store = store
        self._settings = settings
        self._serving = serving
        self._extra = extra
        self._active_jobs = ActiveJobs()
        self._phase = WorkerState.STARTING
        self._gate = DrainGate()
        self._model_cache = ModelCache({})
        self._memory = DeviceMemory()
        self._problem: str | None = None

    def run(self) -> None:
        """Load the models, then handle tickets until SIGTERM; active jobs are finished first.

        Raises:
            workers.catalog.UnknownVariantError: a variant is not in the catalogue.
            workers.messaging.redis_privileges.RedisUserError: Redis refuses its user.
            workers.adapters.pinning.DeviceError: the device cannot be used.
            workers.adapters.protocol.DeviceLostError: it failed while a model was loaded.
            workers.adapters.weights.WeightsError: a variant's weights cannot be loaded.
            workers.runtime.models.problems.ModelLoadError: no variant can be loaded.
            workers.adapters.serving.choose.DoesNotFitError: a variant does not fit the device.
            workers.runtime.model_cache.BudgetError: one does not fit beside those that are pinned.
            workers.moderation.filter_file.FilterFileError: the content filters cannot be used.
            workers.adapters.hosted.settings.HostedSetupError: a hosted variant has no upstream.
        """
        tracing.start("bottega-worker")
        publisher, queue_notifier = Publisher(self._settings), QueueNotifier(self._settings)
        notifier = CoalescingNotifier(queue_notifier)
        heartbeat_database = self._database.with_own_connection()
        heartbeat = self._heartbeat(heartbeat_database)
        heartbeat.start()
        watchdog = Watchdog(self._active_jobs, grace_seconds=self._settings.hang_seconds)
        watchdog.start()
        load_watchdog = LoadWatchdog(
            self._load_progress,
            stall_seconds=self._settings.load_stall_seconds,
            on_stall=lambda problem: self._tell_problem(problem, heartbeat),
        )
        load_watchdog.start()
        try:
            self._serve(publisher, notifier, heartbeat)
        except Exception as error:
            if self._phase == WorkerState.STARTING:
                self._problem = problem_of(error)
                _log.error("worker_cannot_start", worker_id=self.id, problem=self._problem)
            raise
        finally:
            load_watchdog.stop()
            watchdog.stop()
            heartbeat.stop(failed=self._phase == WorkerState.STARTING)
            heartbeat_database.close()
            publisher.close()
            notifier.close()
            queue_notifier.close()
            self._database.close()
            tracing.stop()

    def _heartbeat(self, database: Database) -> Heartbeat:
        return Heartbeat(
            database,
            self._active_jobs,
            self._report,
            every_seconds=self._settings.heartbeat_seconds,
            lease_seconds=self._settings.lease_seconds,
            on_drained=lambda drained: self._gate.set_drained(drained=drained),
            alive_file=self._settings.alive_file,
        )

    def _serve(
        self, publisher: Publisher, notifier: CoalescingNotifier, heartbeat: Heartbeat
    ) -> None:
        rules = rules_of(ModerationSettings())
        check_may_take_tickets(self._settings, self._served_ids)
        self._load_models()

        def notify(variant: str) -> None:
            notifier.notify(Ticket(variant))

        executor = make_executor(
            worker_id=self.id,
            database=self._database,
            store=self._store,
            publisher=publisher,
            active_jobs=self._active_jobs,
            settings=self._settings,
            model_cache=self._model_cache,
            moderator=Moderator(rules, self._database),
            on_backlog=notify,
            on_first_step=heartbeat.beat_soon,
        )
        self._phase = WorkerState.READY
        idle_unloader = IdleUnloader(
            lambda: executor.device.when_free(self._model_cache.unload_idle),
            idle_seconds=self._model_cache.shortest_idle_seconds,
        )
        idle_unloader.start()
        try:
            self._consume(executor, notify)
        finally:
            idle_unloader.stop()

    def _load_models(self) -> None:
        """Load models before the first ticket: those that fit never meet a cold start."""
        torch_device = self._take_device()
        # Not at the top: the device must be pinned before anything imports torch.
        from workers.adapters.registry import make_adapter  # noqa: PLC0415

        rows, overrides = [catalog.find(name) for name in self._variant_ids], weights_overrides()
        card_bytes = self._settings.device_memory_bytes
        plans = plan_models(rows, torch_device, self._serving, overrides, card_bytes=card_bytes)
        served: dict[str, ServedModel] = {}
        for row in rows:
            plan = plans.by_variant[row.id]
            adapter = make_adapter(row, torch_device, overrides, plan.mode)
            served[row.id] = ServedModel(row, adapter, plan)
        served |= {each.variant.id: each for each in self._extra}
        self._memory = DeviceMemory(torch_device)
        self._model_cache = ModelCache(
            served,
            budget_bytes=plans.budget_bytes,
            stay_seconds=self._settings.stay_seconds,
            idle_seconds=self._settings.idle_seconds,
            memory_bytes=self._memory.taken_bytes,
        )
        try:
            self._model_cache.load_what_fits()
        except ModelNotLoadedError as error:
            raise ModelLoadError(error.problem, transient=is_transient(error.reason)) from error

    def _take_device(self) -> str:
        """Choose, pin and check the device, before anything imports torch; torch's name for it."""
        rows = [catalog.find(variant) for variant in self._variant_ids]
        choice = choose_device(self._device, rows)
        self._device = str(parse_device(choice.name))
        if choice.reason:
            _log.info("device_chosen", device=choice.name, reason=choice.reason)
        torch_device = pin_device(choice.name)
        self._configure_torch()
        if torch_device == "cpu":
            warning = cpu_warning(rows)
            if warning:
                _log.warning("large_model_on_cpu", warning=warning)
            return torch_device
        torch = import_torch()
        check_torch(torch)
        card = check_card(torch, 0, choice.name)
        _log.info("device_checked", device=choice.name, card=card.name, format=card.number_format)
        if card.capability < FIRST_NATIVE_BFLOAT16:
            _log.warning("float16_instead_of_bfloat16", warning=EMULATED)
        return torch_device

    def _load_progress(self) -> tuple[object, ...] | None:
        """The state of the load that runs; None while none does."""
        loading = self._model_cache.loading
        if loading is None:
            return None
        # A download takes no memory, and moves all the same.
        return loading, self._memory.taken_bytes(), load_progress.current()

    def _tell_problem(self, problem: str, heartbeat: Heartbeat) -> None:
        self._problem = problem
        heartbeat.report_failure()

    def _configure_torch(self) -> None:
        if self._settings.torch_threads:
            os.environ["OMP_NUM_THREADS"] = str(self._settings.torch_threads)
        if self._settings.cache_dir:
            kernels = str(self._settings.cache_dir.absolute() / "kernels")
            os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", kernels)

    @property
    def _served_ids(self) -> list[str]:
        return [*self._variant_ids, *(each.variant.id for each in self._extra)]

    def _consume(self, executor: Executor, notify: Callable[[str], object]) -> None:
        metrics.register_gauges(metrics.WorkerGauges(self._memory.bytes_by_kind, self._loaded))
        metrics.serve(self._settings)
        app = make_celery(self._settings, queues=tuple(self._served_ids), on_refused=report_refused)
        consumer = TicketConsumer(
            executor.run_batch,
            notify,
            seconds=self._settings.turn_seconds,
            gate=self._gate,
            after_batch=lambda: exit_on_device_failure(
                executor.device, self._active_jobs, grace_seconds=self._settings.grace_seconds
            ),
        )
        consumer.register(app)
        self._drain_on_shutdown(consumer, executor)
        _log.info("worker_ready", worker_id=self.id, variants=self._served_ids)
        self._celery_worker(app).start()

    def _drain_on_shutdown(self, consumer: TicketConsumer, executor: Executor) -> None:
        def drain(**_signal: object) -> None:
            self._phase = WorkerState.DRAINING
            self._gate.end()
            consumer.close()
            grace = threading.Timer(self._settings.grace_seconds, executor.hand_back)
            grace.daemon = True
            grace.start()

        signals.worker_shutting_down.connect(drain, weak=False)

    def _loaded(self) -> Mapping[str, bool]:
        loaded = self._model_cache.ids
        return {variant: variant in loaded for variant in self._served_ids}

    @property
    def _concurrency(self) -> int:
        """Batches in flight: the operator's setting, else enough for the model with most calls."""
        if "concurrency" in self._settings.model_fields_set:
            return self._settings.concurrency
        rows = [*map(catalog.find, self._variant_ids), *(each.variant for each in self._extra)]
        return max(self._settings.concurrency, *(row.calls_at_once for row in rows))

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
        loading, memory = self._model_cache.loading, self._memory.now()
        load = load_figures(loading.fraction) if loading else LoadFigures()
        return WorkerReport(
            id=self.id,
            host=socket.gethostname(),
            pid=os.getpid(),
            device=self._device,
            variants=self._served_ids,
            state=self._state,
            resident=self._model_cache.ids,
            loading=loading.variant if loading else None,
            loading_fraction=load.fraction,
            loading_stage=load.stage,
            loading_bytes=load.done_bytes,
            loading_total_bytes=load.total_bytes,
            memory_used_bytes=memory.used_bytes if memory else 0,
            memory_total_bytes=memory.total_bytes if memory else 0,
            catalogue_digest=catalog.installed().digest,
            problem=self._problem or self._model_cache.problem,
            plans=self._model_cache.plans_as_json(),
        )

    @property
    def _state(self) -> WorkerState:
        if self._gate.is_closed:
            return WorkerState.DRAINING
        is_busy = self._phase == WorkerState.READY and bool(self._active_jobs.snapshot())
        return WorkerState.BUSY if is_busy else self._phase
