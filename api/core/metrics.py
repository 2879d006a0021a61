"""The API's metrics for Prometheus.

Each API process counts its own responses and is scraped by itself. Values that come from the
database are read at the scrape and are the same from every process: queries take their maximum,
not their sum.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from db.billing.vendor import Spend
from db.core.session import Database
from db.reports import gauges
from db.reports.gauges import DatabaseGauges
from db.reports.usage import QueueDepth
from db.values.surfaces import SurfaceName
from db.values.worker_state import WorkerState

_CACHE_SECONDS = 1.0
_MICROS = 1_000_000

_submitted = Counter("bottega_jobs_submitted_total", "Jobs accepted", ["variant", "surface"])
_requests = Histogram(
    "bottega_http_request_seconds",
    "From a request to the end of its response, without event streams and long polls",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
in_flight = Gauge("bottega_http_requests_in_flight", "Requests that are being handled")
connections_open = Gauge("bottega_connections_open", "Connections of clients and proxies")
connections_limit = Gauge(
    "bottega_connections_limit", "Most connections that this process may have open"
)
streams_open = Gauge("bottega_event_streams_open", "Event streams that clients follow")

events_encoded = Counter(
    "bottega_events_encoded_total",
    "Events encoded for event streams: each once, however many clients follow its job",
)
streams_refused = Counter(
    "bottega_streams_refused_total",
    "Event streams and long polls refused: their key has too many open",
    ["kind"],
)
slow_readers = Counter(
    "bottega_slow_readers_total", "Event streams that were ended: their client did not read"
)
rate_limited = Counter(
    "bottega_rate_limited_total", "Requests refused: their key exceeded its rate limit"
)
rate_limit_unchecked = Counter(
    "bottega_rate_limit_unchecked_total",
    "Requests that this process counted by itself: Redis did not respond",
)
_refused = Counter(
    "bottega_requests_refused_total",
    "Requests and connections refused before they were handled",
    ["reason"],
)
REFUSALS = (
    "key",
    "anonymous",
    "body",
    "body_memory",
    "header",
    "header_time",
    "body_time",
    "connections",
    "address_connections",
    "tls_handshake",
)
"""The reasons of a refusal: each is exported from the start, so that its first one is seen."""

WAITERS = ("event_stream", "long_poll")
"""The kinds of a key's open requests that are limited, exported from the start as well."""

for _reason in REFUSALS:
    _refused.labels(_reason)
for _kind in WAITERS:
    streams_refused.labels(_kind)


def count_refused(reason: str) -> None:
    """Count a request or a connection that was refused for one of `REFUSALS`."""
    _refused.labels(reason).inc()


def count_submitted_job(variant: str, surface: str = SurfaceName.NATIVE, *, jobs: int = 1) -> None:
    """Count a job that was accepted, or several of one variant that came by one API."""
    _submitted.labels(variant, surface).inc(jobs)


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """Record a request's duration under its route's template and the class of its status."""
    _requests.labels(method, route, f"{status // 100}xx").observe(seconds)


class GaugeCache:
    """The database's gauges, read at most once a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gauges: DatabaseGauges | None = None
        self._valid_until = 0.0

    def read(self, database: Database) -> DatabaseGauges | None:
        """The gauges, at most one second old; None while the database does not respond."""
        with self._lock:
            if time.monotonic() > self._valid_until:
                self._gauges = _read(database)
                self._valid_until = time.monotonic() + _CACHE_SECONDS
            return self._gauges


def _read(database: Database) -> DatabaseGauges | None:
    try:
        with database.transaction(durable=False) as session:
            return gauges.snapshot(session)
    except SQLAlchemyError:
        return None


@dataclass(frozen=True, eq=False)
class ServiceCollector(Collector):
    """The gauges of one scrape: from the database, and of the servers that respond.

    Attributes:
        gauges: None while the database does not respond.
        variants: the offered models; one without jobs is exported as an empty queue.
        redis: True when Redis responds.
        vendor_limit_micros: the day's limit of the spend at the vendor; 0 for none.
    """

    gauges: DatabaseGauges | None
    variants: Sequence[str]
    redis: bool
    vendor_limit_micros: int = 0

    def collect(self) -> Iterator[Metric]:
        """The metric families; without the database only those that report its absence."""
        up = GaugeMetricFamily(
            "bottega_dependency_up", "1 where a server responds", labels=["dependency"]
        )
        up.add_metric(["database"], int(self.gauges is not None))
        up.add_metric(["redis"], int(self.redis))
        yield up
        if self.gauges is not None:
            yield from self._queues(self.gauges)
            yield from _totals(self.gauges)
            yield from _vendor(self.gauges.vendor, self.vendor_limit_micros)
            yield _expiring_keys(self.gauges.expiring_keys)

    def _queues(self, values: DatabaseGauges) -> Iterator[Metric]:
        empty = {variant: QueueDepth(variant, 0, 0, 0.0) for variant in self.variants}
        queues = empty | {queue.variant: queue for queue in values.queues}
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
            "Live workers that run a queue's jobs",
            {variant: values.ready_workers.get(variant, 0) for variant in queues},
        )
        yield _by_variant(
            "bottega_queue_paused",
            "1 where an operator has paused a queue",
            {variant: int(variant in values.paused) for variant in queues},
        )


def _totals(values: DatabaseGauges) -> Iterator[Metric]:
    workers = GaugeMetricFamily("bottega_workers", "Live workers", labels=["state"])
    for state in WorkerState:
        workers.add_metric([state], values.workers.get(state, 0))
    yield workers
    yield GaugeMetricFamily(
        "bottega_holds_open", "Jobs with money or allowance held", values.open_holds
    )
    yield GaugeMetricFamily(
        "bottega_oldest_hold_age_seconds", "Age of the oldest hold", values.oldest_hold_seconds
    )


def _vendor(spend: Spend, limit_micros: int) -> Iterator[Metric]:
    dollars = GaugeMetricFamily(
        "bottega_vendor_spend_dollars",
        "Today's cost of hosted models at their vendor, spent and held",
        labels=["kind"],
    )
    dollars.add_metric(["spent"], spend.spent_micros / _MICROS)
    dollars.add_metric(["held"], spend.held_micros / _MICROS)
    yield dollars
    if limit_micros:
        yield GaugeMetricFamily(
            "bottega_vendor_limit_dollars",
            "Most that hosted models may cost at their vendor in a day",
            limit_micros / _MICROS,
        )


def _expiring_keys(counts: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(
        "bottega_api_keys_expiring", "Valid API keys that expire within a week", labels=["owner"]
    )
    for owner, number in counts.items():
        family.add_metric([owner], number)
    return family


def _by_variant(name: str, meaning: str, values: dict[str, int] | dict[str, float]) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=["variant"])
    for variant, value in values.items():
        family.add_metric([variant], value)
    return family


def exposition(collector: ServiceCollector) -> bytes:
    """This process's metrics and the collector's, in the Prometheus text format."""
    shared = CollectorRegistry(auto_describe=False)
    shared.register(collector)
    return generate_latest() + generate_latest(shared)
