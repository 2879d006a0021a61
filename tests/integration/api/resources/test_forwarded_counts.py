"""Counts of processes that Prometheus does not scrape are pushed, and collected once."""

import json
import uuid
from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from api.core.metrics import count_submitted_job
from api.resources.forwarded_counts import REDIS_KEY, ForwardedCounts
from tests.support.garbage import MALFORMED_MESSAGES
from workers.messaging.queue import redis_client
from workers.settings import WorkerSettings
from workers.telemetry.metrics import count_finished_job


@pytest.fixture
def own_redis_settings(redis_url: str) -> WorkerSettings:
    """The Redis that all tests share: this module alone uses its list."""
    return WorkerSettings(redis_url=SecretStr(redis_url))


@pytest.fixture
def counts(own_redis_settings: WorkerSettings) -> Iterator[ForwardedCounts]:
    """The list, empty."""
    with redis_client(own_redis_settings) as redis:
        redis.delete(REDIS_KEY)
    opened = ForwardedCounts(own_redis_settings)
    yield opened
    opened.close()


def submitted(variant: str) -> float:
    """The jobs of a variant that this process has counted."""
    return REGISTRY.get_sample_value("bottega_jobs_submitted_total", _labels(variant)) or 0.0


def _labels(variant: str, surface: str = "native") -> dict[str, str]:
    return {"variant": variant, "surface": surface}


def test_only_jobs_that_are_counted_within_the_block_are_forwarded(counts: ForwardedCounts) -> None:
    variant = f"variant.{uuid.uuid4().hex}"
    count_submitted_job(variant)
    with counts.forwarding():
        count_submitted_job(variant)
        count_submitted_job(variant)
    assert submitted(variant) == 3
    counts.collect()
    assert submitted(variant) == 5  # this test is both processes
    counts.collect()
    assert submitted(variant) == 5


def test_every_label_is_forwarded(counts: ForwardedCounts) -> None:
    labels = {"variant": f"variant.{uuid.uuid4().hex}", "outcome": "failed", "reason": "timeout"}
    with counts.forwarding():
        count_finished_job(**labels)
    counts.collect()
    assert REGISTRY.get_sample_value("bottega_jobs_finished_total", labels) == 2


def test_jobs_are_forwarded_after_an_error_too(counts: ForwardedCounts) -> None:
    variant = f"variant.{uuid.uuid4().hex}"

    def fail() -> None:
        with counts.forwarding():
            count_submitted_job(variant)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    counts.collect()
    assert submitted(variant) == 2


@pytest.mark.parametrize(
    "entry",
    [
        *MALFORMED_MESSAGES,
        b'[["python_gc_objects_collected_total", {"generation": "0"}], 1]',
        b'[["bottega_jobs_submitted_total", {"variant": "v", "outcome": "x"}], 1]',
        b'[["bottega_jobs_submitted_total", {"variant": "a b"}], 1]',
        b'[["bottega_jobs_submitted_total", {"variant": "v"}], -1]',
        b'[["bottega_jobs_submitted_total", {"variant": "v"}], 1e30]',
        b'[["bottega_jobs_submitted_total", {"variant": "v"}], 99999999999]',
        b'[["bottega_jobs_finished_total", {"variant": "v", "outcome": "x", "reason": ""}], 1]',
    ],
)
def test_an_entry_of_another_form_is_dropped_and_those_behind_it_are_counted(
    counts: ForwardedCounts, own_redis_settings: WorkerSettings, entry: bytes
) -> None:
    variant = f"variant.{uuid.uuid4().hex}"
    with redis_client(own_redis_settings) as redis:
        redis.rpush(REDIS_KEY, entry)
    with counts.forwarding():
        count_submitted_job(variant)
    counts.collect()
    assert submitted(variant) == 2
    assert submitted("v") == 0


def test_pushed_labels_make_no_endless_series(
    counts: ForwardedCounts, own_redis_settings: WorkerSettings
) -> None:
    name = uuid.uuid4().hex
    with redis_client(own_redis_settings) as redis:
        redis.rpush(
            REDIS_KEY,
            *(
                json.dumps([["bottega_jobs_submitted_total", {"variant": f"{name}.{n}"}], 1])
                for n in range(400)
            ),
        )
    counts.collect()
    assert 0 < sum(submitted(f"{name}.{n}") for n in range(400)) < 300


def test_without_redis_nothing_is_raised() -> None:
    counts = ForwardedCounts(WorkerSettings(redis_url=SecretStr("redis://127.0.0.1:9/0")))
    with counts.forwarding():
        count_submitted_job("flux.1-demo")
    counts.collect()
    counts.close()
