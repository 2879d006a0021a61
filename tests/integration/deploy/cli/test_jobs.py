"""`bottega jobs`: the same changes, events, tickets and counts as through the HTTP API."""

from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY
from redis import Redis

from api.resources.forwarded_counts import REDIS_KEY, ForwardedCounts
from db.core.session import Database
from tests.support import jobs
from tests.support.commands import Commands
from workers.messaging.events import parse_stream, stream_key
from workers.messaging.queue import redis_client
from workers.settings import WorkerSettings

CANCELED = {"variant": jobs.VARIANT, "outcome": "canceled", "reason": ""}


@pytest.fixture
def redis(own_redis_settings: WorkerSettings) -> Iterator[Redis]:
    """A client of the test's own Redis."""
    client = redis_client(own_redis_settings, decode_responses=False)
    yield client
    client.close()


def events(redis: Redis, job_id: str) -> list[tuple[str, str]]:
    """The events of a job: their types, and the states that they report."""
    found = parse_stream(job_id, redis.xrange(stream_key(job_id)), None).events
    return [(event.type, event.data["state"]) for event in found]


def counted(metric: str, **labels: str) -> float:
    """A counter of this process."""
    return REGISTRY.get_sample_value(metric, labels) or 0.0


def test_jobs_are_found_canceled_and_retried(
    bottega: Commands, database: Database, tenant_id: str
) -> None:
    failed = jobs.running(database, tenant_id)
    assert jobs.fail(database, failed)
    queued = jobs.submit_many(database, tenant_id, 3)
    assert [row["id"] for row in bottega.rows("jobs", "list", "--state", "failed")] == [
        failed.job_id
    ]
    bottega.run("jobs", "cancel", queued[0])
    assert "it has ended" in bottega.run("jobs", "cancel", queued[0], code=1)
    assert "job_none: there is no such job" in bottega.run("jobs", "cancel", "job_none", code=1)
    bottega.run("jobs", "cancel", code=2)
    bottega.run("jobs", "cancel", "--state", "queued", answer="n\n", code=1)
    assert jobs.found(database, queued[1]).state == "queued"
    assert "2 of 2" in bottega.run("jobs", "cancel", "--state", "queued", "--yes")
    assert "retried as job_" in bottega.run("jobs", "retry", failed.job_id)
    bottega.run("jobs", "retry", failed.job_id, code=1)
    actions = [row["action"] for row in bottega.rows("audit")]
    assert actions == ["job.retry", *["job.cancel"] * 3]


def test_clients_that_follow_a_job_get_the_event_of_its_end(
    bottega: Commands, database: Database, tenant_id: str, redis: Redis
) -> None:
    one, *others = jobs.submit_many(database, tenant_id, 3)
    bottega.run("jobs", "cancel", one)
    assert events(redis, one) == [("done", "canceled")]
    bottega.run("jobs", "cancel", "--state", "queued", "--yes")
    assert [events(redis, job_id) for job_id in others] == [[("done", "canceled")]] * 2


def test_a_retried_job_is_published_and_its_workers_are_notified(
    bottega: Commands, database: Database, tenant_id: str, redis: Redis
) -> None:
    for _ in range(2):
        assert jobs.fail(database, jobs.running(database, tenant_id))
    bottega.run("jobs", "retry", "--state", "failed", "--yes")
    new_ids = [row["id"] for row in bottega.rows("jobs", "list", "--state", "queued")]
    assert [events(redis, job_id) for job_id in new_ids] == [[("state", "queued")]] * 2
    assert redis.llen(jobs.VARIANT) == 2


def test_a_process_that_is_scraped_counts_the_jobs_once(
    bottega: Commands,
    database: Database,
    tenant_id: str,
    redis: Redis,
    own_redis_settings: WorkerSettings,
) -> None:
    assert jobs.fail(database, jobs.running(database, tenant_id))
    jobs.submit_many(database, tenant_id, 2)
    bottega.run("jobs", "cancel", "--state", "queued", "--yes")
    bottega.run("jobs", "retry", "--state", "failed", "--yes")
    assert redis.llen(REDIS_KEY) == 2
    before = counted("bottega_jobs_finished_total", **CANCELED)
    own = {"variant": jobs.VARIANT, "surface": "native"}
    submitted = counted("bottega_jobs_submitted_total", **own)
    for _ in range(2):  # the second process finds nothing left
        process = ForwardedCounts(own_redis_settings)
        process.collect()
        process.close()
    assert counted("bottega_jobs_finished_total", **CANCELED) == before + 2
    assert counted("bottega_jobs_submitted_total", **own) == submitted + 1


def test_without_redis_a_job_is_canceled_all_the_same(
    bottega: Commands, database: Database, tenant_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:9/0")
    job_id = jobs.submit(database, tenant_id)
    assert "canceled" in bottega.run("jobs", "cancel", job_id)
    assert jobs.found(database, job_id).state == "canceled"
