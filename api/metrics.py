"""The API's figures for Prometheus; queue gauges are read from the database at each scrape."""

from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from db.reports import QueueDepth

_submitted = Counter("bottega_jobs_submitted_total", "Jobs accepted", ["variant"])


def submitted(variant: str) -> None:
    """A job was accepted."""
    _submitted.labels(variant).inc()


class QueueGauges(Collector):
    """Depth and age of every queue, as the database has them now."""

    def __init__(self, depths: Callable[[], Sequence[QueueDepth]]) -> None:
        self._depths = depths

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family each for queued, running and the oldest job's age."""
        depth = GaugeMetricFamily("bottega_queue_depth", "Jobs queued", labels=["variant"])
        running = GaugeMetricFamily("bottega_jobs_running", "Jobs running", labels=["variant"])
        age = GaugeMetricFamily(
            "bottega_queue_oldest_job_age_seconds", "Age of the oldest queued", labels=["variant"]
        )
        for queue in self._depths():
            depth.add_metric([queue.variant], queue.queued)
            running.add_metric([queue.variant], queue.running)
            age.add_metric([queue.variant], queue.oldest_age_seconds)
        yield from (depth, running, age)


def exposition(depths: Sequence[QueueDepth]) -> bytes:
    """Everything in the Prometheus text format."""
    queues = CollectorRegistry(auto_describe=True)
    queues.register(QueueGauges(lambda: depths))
    return generate_latest() + generate_latest(queues)
