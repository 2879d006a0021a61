"""Job counts of processes that Prometheus does not scrape, such as a command of the command line.

At its end, such a process pushes its counts onto a Redis list. The API process that is scraped next
pops the list and adds the counts to its own counters. Redis gives each entry to one process, so
nothing is counted twice, however many API processes run. Counts that Redis loses stay lost, like
those of a process that is killed between two scrapes.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import structlog
from prometheus_client import REGISTRY
from redis.exceptions import RedisError

from api.core.metrics import count_submitted_job
from db.core.json_parser import parse_json
from workers.messaging.queue import redis_client
from workers.settings import WorkerSettings
from workers.telemetry.metrics import count_finished_job

REDIS_KEY = "bottega:forwarded-counts"
MAX_ENTRIES = 10_000
"""Older entries are dropped where no API process is ever scraped."""

MAX_JOBS = 100_000
"""The most jobs of one entry that are counted: they are counted one by one."""

# By metric: the function that counts one job; its parameters are named like the metric's labels.
_COUNT_JOB: Mapping[str, Callable[..., None]] = {
    "bottega_jobs_finished_total": count_finished_job,
    "bottega_jobs_submitted_total": count_submitted_job,
}

_log = structlog.get_logger(__name__)


class ForwardedCounts:
    """The Redis list, for the process that pushes counts and for the one that collects them."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._redis = redis_client(settings)

    @contextmanager
    def forwarding(self) -> Iterator[None]:
        """Push the jobs that this process counts within the block, at the block's end."""
        before = _read_counters()
        try:
            yield
        finally:
            self._push(_read_counters() - before)

    def _push(self, counts: Counter[str]) -> None:
        if not counts:
            return
        entries = [json.dumps([json.loads(sample), jobs]) for sample, jobs in counts.items()]
        try:
            with self._redis.pipeline() as pipeline:
                pipeline.rpush(REDIS_KEY, *entries)
                pipeline.ltrim(REDIS_KEY, -MAX_ENTRIES, -1)
                pipeline.execute()
        except RedisError as error:
            _log.warning("counts_dropped", jobs=counts.total(), reason=type(error).__name__)

    def collect(self) -> None:
        """Add the pushed counts to this process's counters; nothing while Redis is down."""
        try:
            entries = self._redis.lpop(REDIS_KEY, MAX_ENTRIES)
        except RedisError:
            return
        for entry in entries or ():  # type: ignore[union-attr]  # redis-py's sync and async types
            try:
                _count(entry)
            except (ValueError, TypeError, KeyError) as error:
                _log.warning("count_not_understood", error=type(error).__name__)

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()


def _count(entry: str) -> None:
    (name, labels), jobs = parse_json(entry)
    for _ in range(min(jobs, MAX_JOBS)):
        _COUNT_JOB[name](**labels)


def _read_counters() -> Counter[str]:
    """The jobs that this process has counted, by metric and labels as JSON."""
    families = REGISTRY.restricted_registry(_COUNT_JOB).collect()
    return Counter(
        {
            json.dumps([sample.name, sample.labels]): int(sample.value)
            for family in families
            for sample in family.samples
        }
    )
