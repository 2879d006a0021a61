"""Events through a real Redis: stored for replay, published once, and never waited for."""

import os
import signal
import time
import uuid
from collections.abc import Iterator

import pytest
from redis import Redis

from db.core.base import new_id
from deploy.local.servers.process import Child
from tests.support.waiting import await_true
from workers.messaging.events import (
    CHANNEL,
    STREAM_LENGTH,
    STREAM_SECONDS,
    Event,
    Publisher,
    parse_entry,
    parse_message,
    parse_stream,
    preview_key,
    removal_key,
    stream_key,
)
from workers.messaging.queue import redis_client
from workers.settings import WorkerSettings


@pytest.fixture(scope="module")
def redis(redis_url: str) -> Iterator[Redis]:
    """A client of the shared Redis."""
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def publisher(worker_settings: WorkerSettings) -> Iterator[Publisher]:
    """A publisher to the shared Redis."""
    opened = Publisher(worker_settings)
    yield opened
    opened.close()


@pytest.fixture
def job_id() -> str:
    """The id of a job that no other test uses."""
    return new_id("job")


def progress(step: int) -> dict[str, object]:
    """The data of a progress event."""
    return {"step": step, "steps": 9, "fraction": 0.5}


def replay(redis: Redis, job_id: str) -> list[Event]:
    """The events of a job's stream."""
    entries = [parse_entry(job_id, entry) for entry in redis.xrange(stream_key(job_id))]
    return [event for event in entries if event is not None]


def test_a_job_s_events_are_replayed_in_order(
    publisher: Publisher, redis: Redis, job_id: str
) -> None:
    publisher.publish_state(job_id, "queued", attempt=0)
    publisher.publish_state(job_id, "running", attempt=1)
    publisher.publish(job_id, "progress", {"step": 1, "steps": 2, "fraction": 0.5})
    publisher.publish_done(job_id, "succeeded")
    assert await_true(lambda: len(replay(redis, job_id)) == 4)
    events = replay(redis, job_id)
    assert [(event.type, dict(event.data)) for event in events] == [
        ("state", {"state": "queued", "attempt": 0}),
        ("state", {"state": "running", "attempt": 1}),
        ("progress", {"step": 1, "steps": 2, "fraction": 0.5}),
        ("done", {"state": "succeeded"}),
    ]
    orders = [event.order for event in events]
    assert orders == sorted(set(orders))


def test_a_job_is_told_to_be_queued_before_it_runs_whoever_tells_first(
    publisher: Publisher, redis: Redis, job_id: str
) -> None:
    with redis.pubsub() as listening:
        listening.subscribe(CHANNEL)
        assert await_true(lambda: redis.pubsub_numsub(CHANNEL)[0][1] > 0)
        publisher.publish_state(job_id, "running", attempt=1)
        publisher.publish_state(job_id, "queued", attempt=0)
        publisher.publish_done(job_id, "succeeded")
        assert await_true(lambda: len(replay(redis, job_id)) == 3)
        heard: list[Event] = []
        while len(heard) < 3:
            message = listening.get_message(ignore_subscribe_messages=True, timeout=5)
            heard += parse_message(message["data"], {job_id}).events if message else []
    assert heard == replay(redis, job_id)
    assert [event.data["state"] for event in heard] == ["queued", "running", "succeeded"]


def test_the_latest_preview_is_kept_until_the_job_is_done(
    publisher: Publisher, redis: Redis, job_id: str
) -> None:
    def published() -> list[Event]:
        preview = redis.get(preview_key(job_id))
        return parse_stream(job_id, redis.xrange(stream_key(job_id)), preview).events

    for step in (2, 3):
        publisher.publish(job_id, "progress", progress(step))
        image = "data:image/jpeg;base64," + "x" * 30_000
        publisher.publish_preview(job_id, {"step": step, "steps": 9, "image": image})
    assert await_true(lambda: redis.xlen(stream_key(job_id)) == 4)
    assert [(event.type, event.data["step"]) for event in published()] == [
        ("progress", 2),
        ("progress", 3),
        ("preview", 3),
    ]
    assert 0 < redis.ttl(preview_key(job_id)) <= STREAM_SECONDS
    assert redis.memory_usage(stream_key(job_id)) < 5_000
    publisher.publish_done(job_id, "succeeded")
    assert await_true(lambda: published()[-1].type == "done")
    assert redis.get(preview_key(job_id)) is None
    assert [event.type for event in published()] == ["progress", "progress", "done"]


def test_an_event_on_the_channel_is_the_one_in_the_stream(
    publisher: Publisher, redis: Redis, job_id: str
) -> None:
    with redis.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe(CHANNEL)
        assert await_true(lambda: redis.pubsub_numsub(CHANNEL)[0][1] > 0)
        publisher.publish(job_id, "progress", progress(2))
        heard: list[Event] = []

        def hear() -> bool:
            message = listener.get_message(timeout=0.1)
            heard.extend(parse_message(message["data"], {job_id}).events if message else [])
            return bool(heard)

        assert await_true(hear)
    assert heard == replay(redis, job_id)


def test_what_waits_together_is_told_together_and_in_order(
    publisher: Publisher, redis: Redis
) -> None:
    jobs = [new_id("job") for _ in range(100)]
    with redis.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe(CHANNEL)
        assert await_true(lambda: redis.pubsub_numsub(CHANNEL)[0][1] > 0)
        for job in jobs:
            publisher.publish_state(job, "running", attempt=2)
            publisher.publish_done(job, "succeeded")
        messages: list[list[Event]] = []

        def hear() -> bool:
            message = listener.get_message(timeout=0.1)
            messages.extend([parse_message(message["data"], jobs).events] if message else [])
            return sum(map(len, messages)) == 2 * len(jobs)

        assert await_true(hear)
    heard = [event for batch in messages for event in batch]
    assert [(e.job_id, e.type) for e in heard] == [
        (job, kind) for job in jobs for kind in ("state", "done")
    ]
    assert len(messages) < len(jobs)
    assert [e for e in heard if e.job_id == jobs[7]] == replay(redis, jobs[7])


def test_a_stream_is_capped_and_forgotten_after_its_time(
    publisher: Publisher, redis: Redis, job_id: str
) -> None:
    for step in range(3 * STREAM_LENGTH):
        publisher.publish(job_id, "progress", progress(step))
    publisher.publish_done(job_id, "succeeded")
    assert await_true(lambda: bool(replay(redis, job_id)) and is_over(redis, job_id))
    assert STREAM_LENGTH <= len(replay(redis, job_id)) <= 2 * STREAM_LENGTH
    assert STREAM_SECONDS - 60 < redis.ttl(stream_key(job_id)) <= STREAM_SECONDS


def test_removed_events_are_gone_and_late_previews_are_dropped(
    publisher: Publisher, redis: Redis, job_id: str
) -> None:
    preview = {"step": 1, "steps": 2, "image": "data:image/jpeg;base64,AAAA"}
    publisher.publish_state(job_id, "running", attempt=1)
    publisher.publish_preview(job_id, preview)
    assert await_true(lambda: bool(redis.exists(preview_key(job_id))))
    assert publisher.remove_events([job_id])
    assert redis.exists(stream_key(job_id), preview_key(job_id)) == 0
    # A worker that has not seen the end yet, and the end itself.
    publisher.publish_preview(job_id, preview)
    publisher.publish_done(job_id, "canceled")
    assert await_true(lambda: bool(replay(redis, job_id)))
    assert [event.type for event in replay(redis, job_id)] == ["done"]
    assert not redis.exists(preview_key(job_id))
    assert 0 < redis.ttl(removal_key(job_id)) <= STREAM_SECONDS


def test_events_stay_and_expire_while_redis_is_away(
    own_redis: Child, own_redis_settings: WorkerSettings, job_id: str
) -> None:
    publisher = Publisher(own_redis_settings)
    own_redis.kill()
    assert not publisher.remove_events([job_id])
    publisher.close()


def is_over(redis: Redis, job_id: str) -> bool:
    """True when the last event of a job is `done`."""
    return replay(redis, job_id)[-1].type == "done"


def test_closing_tells_what_still_waits(
    worker_settings: WorkerSettings, redis: Redis, job_id: str
) -> None:
    publisher = Publisher(worker_settings)
    for step in range(50):
        publisher.publish(job_id, "progress", progress(step))
    publisher.close()
    assert len(replay(redis, job_id)) == 50


def test_publishing_waits_for_no_redis_that_hangs(
    own_redis: Child, own_redis_settings: WorkerSettings, job_id: str
) -> None:
    publisher = Publisher(own_redis_settings)
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        for step in range(200):
            publisher.publish(job_id, "progress", progress(step))
        assert time.monotonic() - began < 0.5
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)
    publisher.publish_done(job_id, "failed")
    with redis_client(own_redis_settings, decode_responses=False) as client:
        assert await_true(lambda: bool(replay(client, job_id)) and is_over(client, job_id))
    publisher.close()


def test_events_are_told_again_once_redis_is_back(
    own_redis: Child, own_redis_settings: WorkerSettings, job_id: str
) -> None:
    publisher = Publisher(own_redis_settings)
    publisher.publish_done(uuid.uuid4().hex, "succeeded")
    own_redis.kill()
    publisher.publish(job_id, "progress", progress(1))
    own_redis.start()
    own_redis.wait_ready()
    publisher.publish_done(job_id, "succeeded")
    with redis_client(own_redis_settings, decode_responses=False) as client:
        assert await_true(lambda: bool(replay(client, job_id)) and is_over(client, job_id))
    publisher.close()


def test_closing_does_not_wait_for_a_redis_that_hangs(
    own_redis: Child, own_redis_settings: WorkerSettings, job_id: str
) -> None:
    publisher = Publisher(own_redis_settings)
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        for step in range(100):
            publisher.publish(job_id, "progress", progress(step))
        began = time.monotonic()
        publisher.close()
        assert time.monotonic() - began < 4
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)
