"""Counts of processes that Prometheus does not scrape are pushed, and collected once."""

import json
import uuid
from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from api.core.metrics import count_submitted_job
from api.resources.forwarded_counts import MAX_JOBS, REDIS_KEY, ForwardedCounts
from workers.messaging.queue import redis_client
from workers.settings import WorkerSettings
from workers.telemetry.metrics import count_finished_job


@pytest.fixture
def counts(own_redis_settings: WorkerSettings) -> Iterator[ForwardedCounts]:
    """The list in the test's own Redis."""
    opened = ForwardedCounts(own_redis_settings)
    yield opened
    opened.close()


def submitted(variant: str) -> float:
    """The jobs of a variant that this process has counted."""
    return REGISTRY.get_sample_value("bottega_jobs_submitted_total", {"variant": variant}) or 0.0


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


def test_without_redis_nothing_is_raised() -> None:
    counts = ForwardedCounts(WorkerSettings(redis_url=SecretStr("redis://127.0.0.1:9/0")))
    with counts.forwarding():
        count_submitted_job("flux.1-demo")
    counts.collect()
    counts.close()


def test_entries_that_are_not_understood_cost_the_others_nothing(
    counts: ForwardedCounts, own_redis_settings: WorkerSettings
) -> None:
    variant, huge = f"variant.{uuid.uuid4().hex}", f"variant.{uuid.uuid4().hex}"
    name = "bottega_jobs_submitted_total"
    entries = [
        "not json",
        "[" * 100_000,
        "[[], 1]",
        json.dumps([["no_such_metric", {}], 1]),
        json.dumps([[name, {"no_such_label": "x"}], 1]),
        json.dumps([[name, {"variant": huge}], 10**15]),
        json.dumps([[name, {"variant": variant}], 2]),
    ]
    client = redis_client(own_redis_settings)
    client.rpush(REDIS_KEY, *entries)
    client.close()
    counts.collect()
    assert submitted(variant) == 2
    assert submitted(huge) == MAX_JOBS
