"""A worker's own figures for Prometheus; queue gauges are the API's, from the database."""

from prometheus_client import Counter, Histogram

from db.tables import Job

_finished = Counter(
    "bottega_jobs_finished_total", "Attempts that ended a job", ["variant", "outcome", "reason"]
)
_wait = Histogram(
    "bottega_job_wait_seconds",
    "From submission to claim",
    ["variant"],
    buckets=(0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 1800),
)
_run = Histogram(
    "bottega_job_run_seconds",
    "On the device",
    ["variant", "stage"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
)
_device_busy = Counter(
    "bottega_device_busy_seconds_total", "Time in which a batch was on the device", ["variant"]
)
_features = Counter(
    "bottega_picture_features_total",
    "Encoded pictures that were wanted, by whether they were kept from before",
    ["variant", "outcome"],
)


def wait_seconds_observed(job: Job) -> None:
    """A job was claimed."""
    if job.started_at is not None:
        _wait.labels(job.variant).observe((job.started_at - job.created_at).total_seconds())


def run_seconds_observed(variant: str, seconds: float) -> None:
    """A batch left the device."""
    _run.labels(variant, "run").observe(seconds)


def device_seconds_spent(variant: str, seconds: float) -> None:
    """A batch had the device for so long; the rest of the time it was idle."""
    _device_busy.labels(variant).inc(seconds)


def attempts_finished(variant: str, outcome: str, reason: str) -> None:
    """An attempt ended its job."""
    _finished.labels(variant, outcome, reason).inc()


def features_looked_up(variant: str, *, hit: bool) -> None:
    """A picture's features were wanted, and were kept from before (a hit) or were not."""
    _features.labels(variant, "hit" if hit else "miss").inc()
