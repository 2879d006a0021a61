"""Counts of processes that Prometheus does not scrape are pushed, and collected once."""

import uuid
from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from api.core.metrics import count_submitted_job
from api.resources.forwarded_counts import ForwardedCounts
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
