"""The metrics of workers and courier; the API has the gauges of queues, from the database.

Each process serves Prometheus on a port of its own, and each event is counted once, in the process
where it happens: sums over all processes are right, and processes share nothing.
"""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from db.tables import Job
from workers.settings import WorkerSettings

_MICROS = 1_000_000

_finished = Counter(
    "bottega_jobs_finished_total", "Jobs that finished", ["variant", "outcome", "reason"]
)
_retried = Counter(
    "bottega_attempts_retried_total",
    "Attempts that failed, and whose job was queued again",
    ["variant", "reason"],
)
_wait = Histogram(
    "bottega_job_wait_seconds",
    "Time from submission to claim",
    ["variant"],
    buckets=(0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 1800),
)
_run = Histogram(
    "bottega_job_run_seconds",
    "Time of a stage of an attempt: fetch, run, store, complete",
    ["variant", "stage"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
)
_batch = Histogram(
    "bottega_batch_jobs", "Jobs in one model call", ["variant"], buckets=(1, 2, 4, 8, 16, 32, 64)
)
_splits = Counter(
    "bottega_out_of_memory_splits_total",
    "Batches that were halved because the device was out of memory",
    ["variant"],
)
_device_busy = Counter(
    "bottega_device_busy_seconds_total", "Time during which a batch was on the device", ["variant"]
)
_images = Counter("bottega_images_billed_total", "Images of jobs that succeeded", ["variant"])
_charged = Counter(
    "bottega_charged_dollars_total",
    "Prices of jobs that succeeded, allowances included",
    ["variant"],
)
_vendor = Counter(
    "bottega_vendor_dollars_total",
    "Cost of delivered results of hosted models at their vendor",
    ["variant"],
)
_features = Counter(
    "bottega_picture_features_total",
    "Look-ups of encoded pictures in the cache, by hit or miss",
    ["variant", "outcome"],
)
_unloaded = Counter(
    "bottega_worker_models_unloaded_total",
    "Models that gave their memory back, evicted for another or idle",
    ["variant", "reason"],
)
_deliveries = Counter(
    "bottega_webhook_deliveries_total", "Attempts at webhooks, by outcome", ["outcome"]
)
_sweeps = Counter(
    "bottega_maintenance_runs_total", "Sweeps of the courier, by outcome", ["outcome"]
)
_repaired = Counter("bottega_maintenance_repairs_total", "Repairs by sweeps, by kind", ["kind"])
_store = Counter(
    "bottega_store_failures_total", "Attempts that failed because the store did not answer"
)
_refused_messages = Counter(
    "bottega_redis_messages_refused_total",
    "Messages and entries of Redis that were dropped because they are malformed",
    ["kind"],
)
REDIS_READERS = ("event", "replay", "ticket", "counts")
"""The readers that drop messages: each is exported from the start, so that its first is seen."""

for _reader in REDIS_READERS:
    _refused_messages.labels(_reader)

_violations = Gauge(
    "bottega_invariants_violated", "Invariants of the books that were broken at the last check"
)


def serve(settings: WorkerSettings) -> None:
    """Serve Prometheus from a thread, where the settings name a port.

    Raises:
        OSError: the port is taken or not allowed.
    """
    if settings.metrics_port:
        start_http_server(settings.metrics_port, settings.metrics_host)


class WorkerGauges(Collector):
    """Gauges of a worker's device and its loaded models, read at each scrape."""

    def __init__(
        self,
        memory: Callable[[], Mapping[str, int]],
        loaded: Callable[[], Mapping[str, bool]],
    ) -> None:
        """Collect from callbacks.

        Args:
            memory: returns bytes by kind.
            loaded: returns the served variants, with true where the model is on the device.
        """
        self._memory = memory
        self._loaded = loaded

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One metric family for memory and one for models."""
        memory = GaugeMetricFamily(
            "bottega_device_memory_bytes", "Memory of the worker's device", labels=["kind"]
        )
        for kind, count in self._memory().items():
            memory.add_metric([kind], count)
        models = GaugeMetricFamily(
            "bottega_worker_model_loaded", "1 where a model is on the device", labels=["variant"]
        )
        for variant, is_loaded in self._loaded().items():
            models.add_metric([variant], int(is_loaded))
        yield from (memory, models)


def register_gauges(gauges: WorkerGauges) -> None:
    """Add a worker's gauges to the metrics of this process."""
    REGISTRY.register(gauges)


def observe_wait(job: Job) -> None:
    """Observe the time that a claimed job has waited."""
    if job.started_at is not None:
        _wait.labels(job.variant).observe((job.started_at - job.created_at).total_seconds())


def observe_stage(variant: str, stage: str, seconds: float) -> None:
    """Observe the duration of a stage of an attempt."""
    _run.labels(variant, stage).observe(seconds)


def add_device_seconds(variant: str, seconds: float) -> None:
    """Add the time of a batch on the device; the rest of the time the device is idle."""
    _device_busy.labels(variant).inc(seconds)


def observe_batch(variant: str, jobs: int) -> None:
    """Observe the number of jobs in a model call."""
    _batch.labels(variant).observe(jobs)


def count_batch_split(variant: str) -> None:
    """Count a batch that is retried in halves: the device was out of memory."""
    _splits.labels(variant).inc()


def count_finished_job(variant: str, outcome: str, reason: str = "", *, jobs: int = 1) -> None:
    """Count a finished job, or several of the same variant, outcome and reason."""
    _finished.labels(variant, outcome, reason).inc(jobs)


def count_retried_attempt(variant: str, reason: str) -> None:
    """Count a failed attempt whose job is queued again."""
    _retried.labels(variant, reason).inc()


def count_billed_job(job: Job) -> None:
    """Count the units and the price of a job that succeeded."""
    if job.unit_kind == "images":
        _images.labels(job.variant).inc(job.units)
    _charged.labels(job.variant).inc(job.price_micros / _MICROS)
    if job.vendor_micros is not None:
        _vendor.labels(job.variant).inc(job.vendor_micros / _MICROS)


def count_feature_lookup(variant: str, *, hit: bool) -> None:
    """Count a look-up of a picture's features in the cache."""
    _features.labels(variant, "hit" if hit else "miss").inc()


def count_unloaded_model(variant: str, reason: str) -> None:
    """Count a model that gave its memory back: evicted for another one, or idle."""
    _unloaded.labels(variant, reason).inc()


def count_store_failure() -> None:
    """Count an attempt that failed because the store did not answer."""
    _store.inc()


def count_refused_messages(kind: str, count: int) -> None:
    """Count messages of Redis that one of `REDIS_READERS` dropped."""
    _refused_messages.labels(kind).inc(count)


def count_webhook_attempt(outcome: str) -> None:
    """Count an attempt at a webhook."""
    _deliveries.labels(outcome).inc()


def count_sweep(outcome: str) -> None:
    """Count a sweep: ok, or failed."""
    _sweeps.labels(outcome).inc()


def count_repairs(kind: str, count: int) -> None:
    """Count the repairs of a sweep by kind: recovered, expired, rung."""
    _repaired.labels(kind).inc(count)


def set_violations(violated: int) -> None:
    """Set the number of invariants that are broken."""
    _violations.set(violated)
