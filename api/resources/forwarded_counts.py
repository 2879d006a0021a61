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
from typing import Annotated, Literal, cast

import structlog
from prometheus_client import REGISTRY
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from redis.exceptions import RedisError

from api.core.metrics import count_submitted_job
from db.values.job_state import JobState
from db.values.surfaces import SurfaceName
from workers.messaging.queue import redis_client
from workers.settings import WorkerSettings
from workers.telemetry.metrics import count_finished_job
from workers.telemetry.refused_messages import report_refused

REDIS_KEY = "bottega:forwarded-counts"
MAX_ENTRIES = 10_000
"""Older entries are dropped where no API process is ever scraped."""

# By metric: the function that counts one job; its parameters are named like the metric's labels.
_COUNT_JOB: Mapping[str, Callable[..., None]] = {
    "bottega_jobs_finished_total": count_finished_job,
    "bottega_jobs_submitted_total": count_submitted_job,
}

_MAX_LABEL_SETS = 256
"""Different labels that a process takes from the list: each is a time series for good."""

_Variant = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class _Job(BaseModel):
    model_config = ConfigDict(extra="forbid")

    variant: _Variant


class _Submitted(_Job):
    # A command of the release before tells none.
    surface: SurfaceName = SurfaceName.NATIVE


class _Finished(_Job):
    outcome: JobState
    reason: Annotated[str, Field(pattern=r"^[a-z0-9_]{0,64}$")]


_Jobs = Annotated[int, Field(ge=1, le=1_000_000)]
_Entry = (
    tuple[tuple[Literal["bottega_jobs_finished_total"], _Finished], _Jobs]
    | tuple[tuple[Literal["bottega_jobs_submitted_total"], _Submitted], _Jobs]
)
_ENTRY: TypeAdapter[_Entry] = TypeAdapter(_Entry)

_log = structlog.get_logger(__name__)


class ForwardedCounts:
    """The Redis list, for the process that pushes counts and for the one that collects them."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._redis = redis_client(settings, decode_responses=False)
        self._label_sets: set[str] = set()

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
        """Add the pushed counts to this process's counters; nothing while Redis is down.

        An entry that is none of ours is dropped: whoever can write to Redis can push anything.
        """
        try:
            entries = cast("list[bytes] | None", self._redis.lpop(REDIS_KEY, MAX_ENTRIES))
        except RedisError:
            return
        report_refused("counts", sum(not self._add(entry) for entry in entries or ()))

    def _add(self, entry: bytes) -> bool:
        """Add one entry to the counters; False for one that is none of ours."""
        try:
            (name, labels), jobs = _ENTRY.validate_json(entry)
        except ValidationError:
            return False
        labelled = f"{name} {labels.model_dump_json()}"
        if labelled not in self._label_sets and len(self._label_sets) >= _MAX_LABEL_SETS:
            return False
        self._label_sets.add(labelled)
        _COUNT_JOB[name](**labels.model_dump(mode="json"), jobs=jobs)
        return True

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()


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
