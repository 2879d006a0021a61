"""The API's figures for Prometheus.

Each API process counts what it answered itself and is scraped by itself. What the database alone
knows is read at the scrape and is the same from every process: queries take its maximum, not its
sum.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from db.core.session import Database
from db.reports import gauges
from db.reports.gauges import DatabaseGauges
from db.reports.usage import QueueDepth

WORKER_STATES = ("starting", "ready", "busy", "draining", "failed")

_KEEP_SECONDS = 1.0

_submitted = Counter("bottega_jobs_submitted_total", "Jobs accepted", ["variant"])
_requests = Histogram(
    "bottega_http_request_seconds",
    "From a request to the end of its answer, event streams and long polls left out",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
in_flight = Gauge("bottega_http_requests_in_flight", "Requests that are being answered")
streams_open = Gauge("bottega_event_streams_open", "Event streams that clients follow")

rate_limited = Counter(
    "bottega_rate_limited_total", "Requests refused: their key had asked too often"
)
rate_limit_unchecked = Counter(
    "bottega_rate_limit_unchecked_total", "Requests let through uncounted: Redis did not answer"
)


def submitted(variant: str) -> None:
    """A job was accepted."""
    _submitted.labels(variant).inc()


def answered(method: str, route: str, status: int, seconds: float) -> None:
    """A request was answered: counted by its route's template and its status' class."""
    _requests.labels(method, route, f"{status // 100}xx").observe(seconds)


class SharedFigures:
    """The database's figures, read once a second at most; None while it is away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: DatabaseGauges | None = None
        self._kept_until = 0.0

    def read(self, database: Database) -> DatabaseGauges | None:
        """The figures as they are, or were less than a second ago."""
        with self._lock:
            if time.monotonic() > self._kept_until:
                self._kept = _read(database)
                self._kept_until = time.monotonic() + _KEEP_SECONDS
            return self._kept


def _read(database: Database) -> DatabaseGauges | None:
    try:
        with database.transaction(durable=False) as session:
            return gauges.snapshot(session)
    except SQLAlchemyError:
        return None


@dataclass(frozen=True, eq=False)
class StandingGauges(Collector):
    """What the database told, and what answers.

    Attributes:
        figures: None while the database is away.
        variants: what is offered; an empty queue is shown as one.
        redis: whether Redis answers.
    """

    figures: DatabaseGauges | None
    variants: Sequence[str]
    redis: bool

    def collect(self) -> Iterator[Metric]:
        """The families; without the database only what tells that it is away."""
        up = GaugeMetricFamily(
            "bottega_dependency_up", "1 where a server answers", labels=["dependency"]
        )
        up.add_metric(["database"], int(self.figures is not None))
        up.add_metric(["redis"], int(self.redis))
        yield up
        if self.figures is not None:
            yield from self._queues(self.figures)
            yield from _totals(self.figures)

    def _queues(self, figures: DatabaseGauges) -> Iterator[Metric]:
        empty = {variant: QueueDepth(variant, 0, 0, 0.0) for variant in self.variants}
        queues = empty | {queue.variant: queue for queue in figures.queues}
        yield _by_variant(
            "bottega_queue_depth", "Jobs queued", {v: q.queued for v, q in queues.items()}
        )
        yield _by_variant(
            "bottega_jobs_running", "Jobs running", {v: q.running for v, q in queues.items()}
        )
        yield _by_variant(
            "bottega_queue_oldest_job_age_seconds",
            "Age of the oldest queued job",
            {variant: queue.oldest_age_seconds for variant, queue in queues.items()},
        )
        yield _by_variant(
            "bottega_queue_ready_workers",
            "Live workers that take a queue's jobs",
            {variant: figures.ready_workers.get(variant, 0) for variant in queues},
        )
        yield _by_variant(
            "bottega_queue_paused",
            "1 where an operator has paused a queue",
            {variant: int(variant in figures.paused) for variant in queues},
        )


def _totals(figures: DatabaseGauges) -> Iterator[Metric]:
    workers = GaugeMetricFamily("bottega_workers", "Live workers", labels=["state"])
    for state in WORKER_STATES:
        workers.add_metric([state], figures.workers.get(state, 0))
    yield workers
    yield GaugeMetricFamily(
        "bottega_holds_open", "Jobs with money or allowance held", figures.open_holds
    )
    yield GaugeMetricFamily(
        "bottega_oldest_hold_age_seconds", "Age of the oldest hold", figures.oldest_hold_seconds
    )


def _by_variant(name: str, meaning: str, values: dict[str, int] | dict[str, float]) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=["variant"])
    for variant, value in values.items():
        family.add_metric([variant], value)
    return family


def exposition(standing: StandingGauges) -> bytes:
    """Everything in the Prometheus text format."""
    shared = CollectorRegistry(auto_describe=False)
    shared.register(standing)
    return generate_latest() + generate_latest(shared)
