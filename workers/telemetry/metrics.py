"""The figures of a worker and of the courier; queue gauges are the API's, from the database.

Each process answers Prometheus on a port of its own, and each event is counted by the one process
that it happened in: sums over all processes are right, and nothing is shared between them.
"""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from db.tables import Job
from workers.settings import WorkerSettings

_MICROS = 1_000_000

_finished = Counter("bottega_jobs_finished_total", "Jobs over", ["variant", "outcome", "reason"])
_retried = Counter(
    "bottega_attempts_retried_total", "Attempts that failed and left the job", ["variant", "reason"]
)
_wait = Histogram(
    "bottega_job_wait_seconds",
    "From submission to claim",
    ["variant"],
    buckets=(0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 1800),
)
_run = Histogram(
    "bottega_job_run_seconds",
    "A job's time in a stage of its attempt: fetch, run, store, complete",
    ["variant", "stage"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
)
_batch = Histogram(
    "bottega_batch_jobs", "Jobs of a model call", ["variant"], buckets=(1, 2, 4, 8, 16, 32, 64)
)
_splits = Counter(
    "bottega_out_of_memory_splits_total",
    "Batches halved: the device did not hold them",
    ["variant"],
)
_device_busy = Counter(
    "bottega_device_busy_seconds_total", "Time in which a batch was on the device", ["variant"]
)
_images = Counter("bottega_images_billed_total", "Images of jobs that succeeded", ["variant"])
_charged = Counter(
    "bottega_charged_dollars_total",
    "Prices of jobs that succeeded, allowances included",
    ["variant"],
)
_features = Counter(
    "bottega_picture_features_total",
    "Encoded pictures that were wanted, by whether they were kept from before",
    ["variant", "outcome"],
)
_deliveries = Counter(
    "bottega_webhook_deliveries_total", "Attempts at webhooks, by what came of them", ["outcome"]
)
_sweeps = Counter("bottega_maintenance_runs_total", "Rounds of maintenance", ["outcome"])
_repaired = Counter("bottega_maintenance_repairs_total", "What maintenance repaired", ["kind"])
_store = Counter("bottega_store_failures_total", "Attempts that the store did not answer in time")
_violations = Gauge("bottega_invariants_violated", "Rules of the books broken at the last check")


def serve(settings: WorkerSettings) -> None:
    """Answer Prometheus from a thread, where the settings name a port.

    Raises:
        OSError: the port cannot be had.
    """
    if settings.metrics_port:
        start_http_server(settings.metrics_port, settings.metrics_host)


class WorkerGauges(Collector):
    """What a worker has of its device and on it, asked at each scrape."""

    def __init__(
        self,
        memory: Callable[[], Mapping[str, int]],
        loaded: Callable[[], Mapping[str, bool]],
    ) -> None:
        """Ask so.

        Args:
            memory: bytes by kind.
            loaded: the variants that are served, each with whether its model is on the device.
        """
        self._memory = memory
        self._loaded = loaded

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family each for memory and models."""
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


def show(gauges: WorkerGauges) -> None:
    """Add a worker's gauges to what this process answers."""
    REGISTRY.register(gauges)


def wait_seconds_observed(job: Job) -> None:
    """A job was claimed."""
    if job.started_at is not None:
        _wait.labels(job.variant).observe((job.started_at - job.created_at).total_seconds())


def stage_seconds_observed(variant: str, stage: str, seconds: float) -> None:
    """A job went through a stage of its attempt."""
    _run.labels(variant, stage).observe(seconds)


def device_seconds_spent(variant: str, seconds: float) -> None:
    """A batch had the device for so long; the rest of the time it was idle."""
    _device_busy.labels(variant).inc(seconds)


def batch_called(variant: str, jobs: int) -> None:
    """A model was called with so many jobs."""
    _batch.labels(variant).observe(jobs)


def batch_halved(variant: str) -> None:
    """The device did not hold a batch, which is tried again by halves."""
    _splits.labels(variant).inc()


def job_finished(variant: str, outcome: str, reason: str = "") -> None:
    """A job is over."""
    _finished.labels(variant, outcome, reason).inc()


def attempt_retried(variant: str, reason: str) -> None:
    """An attempt failed, and the job is queued again."""
    _retried.labels(variant, reason).inc()


def job_billed(job: Job) -> None:
    """A job succeeded, and what was held for it is settled."""
    if job.unit_kind == "images":
        _images.labels(job.variant).inc(job.units)
    _charged.labels(job.variant).inc(job.price_micros / _MICROS)


def features_looked_up(variant: str, *, hit: bool) -> None:
    """A picture's features were wanted, and were kept from before (a hit) or were not."""
    _features.labels(variant, "hit" if hit else "miss").inc()


def store_failed() -> None:
    """An attempt ended because the store did not answer."""
    _store.inc()


def webhook_sent(outcome: str) -> None:
    """An attempt at a webhook ended."""
    _deliveries.labels(outcome).inc()


def maintenance_ran(outcome: str) -> None:
    """A round of maintenance ended: ok, or failed."""
    _sweeps.labels(outcome).inc()


def maintenance_repaired(kind: str, count: int) -> None:
    """Maintenance found and repaired so many of a kind: recovered, expired, rung."""
    _repaired.labels(kind).inc(count)


def books_checked(violated: int) -> None:
    """The invariants were checked; so many do not hold."""
    _violations.set(violated)
