"""Tickets through a real Redis: their queues, and a Redis that loses data or hangs."""

import base64
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from queue import Queue
from typing import Any

import pytest
from celery.contrib.testing.worker import start_worker

from deploy.local.servers.process import Child
from tests.support.garbage import MALFORMED_MESSAGES
from tests.support.waiting import at_once, await_true
from workers.messaging.queue import (
    ENOUGH_TICKETS,
    QUIET_SECONDS,
    QueueNotifier,
    Ticket,
    make_celery,
    redis_client,
)
from workers.messaging.ticket_transport import TASK
from workers.runtime.consumer import TicketConsumer
from workers.settings import WorkerSettings

PATIENCE_SECONDS = 3.0


def ticket(variant: str) -> Ticket:
    """A ticket for a queue."""
    return Ticket(variant, "job_1", "free", "ten_1", "normal", 99)


@pytest.fixture
def own_notifier(own_redis_settings: WorkerSettings) -> Iterator[QueueNotifier]:
    """A notifier on the test's own Redis."""
    notifier = QueueNotifier(own_redis_settings)
    yield notifier
    notifier.close()


@pytest.fixture
def hang(own_redis: Child) -> Iterator[Callable[[], None]]:
    """Freeze Redis with its connections open; it continues at the end of the test."""
    yield lambda: os.kill(own_redis.pid, signal.SIGSTOP)
    os.kill(own_redis.pid, signal.SIGCONT)


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """The result of a call, and its seconds."""
    began = time.monotonic()
    return call(), time.monotonic() - began


def test_where_enough_tickets_wait_no_more_are_sent_until_they_are_taken(
    own_notifier: QueueNotifier, own_redis_settings: WorkerSettings, variant: str
) -> None:
    for _ in range(3 * ENOUGH_TICKETS):
        assert own_notifier.notify(ticket(variant))
    waiting = own_notifier.waiting_tickets(variant)
    assert waiting == ENOUGH_TICKETS
    assert own_notifier.notify(ticket(variant + ".sibling"))
    assert own_notifier.waiting_tickets(variant + ".sibling") == 1
    with redis_client(own_redis_settings) as redis:
        redis.lpop(variant)
        assert own_notifier.notify(ticket(variant))
        assert own_notifier.waiting_tickets(variant) == ENOUGH_TICKETS
        redis.flushall()
    assert own_notifier.notify(ticket(variant))
    assert own_notifier.waiting_tickets(variant) == 1


def test_a_ticket_goes_to_its_queue_and_to_no_other(
    queue_notifier: QueueNotifier, variant: str
) -> None:
    assert queue_notifier.notify(ticket(variant))
    assert queue_notifier.notify(ticket(variant + ".sibling"))
    assert queue_notifier.waiting_tickets(variant) == 1
    assert queue_notifier.waiting_tickets(variant + ".unheard") == 0


def test_a_ticket_tells_watchers_what_it_is_for(
    queue_notifier: QueueNotifier, variant: str, worker_settings: WorkerSettings
) -> None:
    queue_notifier.notify(ticket(variant))
    with redis_client(worker_settings) as redis:
        [message] = redis.lrange(variant, 0, -1)
    envelope = json.loads(message)
    _, arguments, _ = json.loads(base64.b64decode(envelope["body"]))
    assert envelope["headers"]["task"] == TASK
    assert arguments == {
        "job_id": "job_1",
        "variant": variant,
        "tier": "free",
        "tenant": "ten_1",
        "priority": "normal",
        "quota_left": 99,
    }


def test_a_worker_answers_every_ticket_of_its_queue(
    queue_notifier: QueueNotifier, variant: str, worker_settings: WorkerSettings
) -> None:
    answered: Queue[str] = Queue()
    app = make_celery(worker_settings, queues=(variant,))
    TicketConsumer(lambda name: bool(answered.put(name)), answered.put, seconds=60).register(app)
    for _ in range(3):
        queue_notifier.notify(ticket(variant))
    with start_worker(app, pool="threads", concurrency=2, perform_ping_check=False):
        queue_notifier.notify(ticket(variant))
        assert [answered.get(timeout=20) for _ in range(4)] == [variant] * 4
    assert queue_notifier.waiting_tickets(variant) == 0
    app.close()


def test_whatever_lies_on_a_queue_the_tickets_behind_it_are_handled(
    own_redis_settings: WorkerSettings, own_notifier: QueueNotifier, variant: str
) -> None:
    """No message ends the consumer, holds one of its places, or comes back."""
    app = make_celery(own_redis_settings, queues=(variant,), on_refused=(refused := []).append)
    answered: Queue[str] = Queue()
    TicketConsumer(lambda name: bool(answered.put(name)), answered.put, seconds=60).register(app)
    with (
        redis_client(own_redis_settings, decode_responses=False) as redis,
        start_worker(app, pool="threads", concurrency=1, perform_ping_check=False),
    ):
        for message in MALFORMED_MESSAGES:
            redis.lpush(variant, message)
        assert own_notifier.notify(ticket(variant))
        assert answered.get(timeout=20) == variant
        assert await_true(lambda: redis.llen(variant) == 0)
        assert refused == ["ticket"] * len(MALFORMED_MESSAGES)
        assert own_notifier.notify(ticket(variant))
        assert answered.get(timeout=20) == variant
    app.close()


def test_a_flushed_redis_takes_tickets_as_before(
    own_notifier: QueueNotifier, variant: str, own_redis_settings: WorkerSettings
) -> None:
    assert own_notifier.notify(ticket(variant))
    with redis_client(own_redis_settings) as redis:
        redis.flushall()
    assert own_notifier.waiting_tickets(variant) == 0
    assert own_notifier.notify(ticket(variant))
    assert own_notifier.waiting_tickets(variant) == 1


def test_a_redis_that_is_away_is_told_and_then_taken_up_again(
    own_notifier: QueueNotifier, own_redis: Child, variant: str
) -> None:
    assert own_notifier.notify(ticket(variant))
    own_redis.kill()
    assert [own_notifier.notify(ticket(variant)), own_notifier.answers()] == [False, False]
    assert own_notifier.waiting_tickets(variant) is None
    own_redis.start()
    own_redis.wait_ready()
    assert await_true(lambda: own_notifier.notify(ticket(variant)))
    assert own_notifier.answers()
    assert own_notifier.waiting_tickets(variant) in (1, 2)  # the first may not have been synced


def test_a_hung_redis_is_waited_for_no_longer_than_its_time(
    own_notifier: QueueNotifier, hang: Callable[[], None], variant: str
) -> None:
    assert own_notifier.notify(ticket(variant))
    hang()
    calls: list[Callable[[], object]] = [
        lambda: own_notifier.notify(ticket(variant)),
        own_notifier.answers,
        lambda: own_notifier.waiting_tickets(variant),
    ]
    timings = at_once([lambda call=call: timed(call) for call in calls])
    assert [answer for answer, _ in timings] == [False, False, None]
    assert max(seconds for _, seconds in timings) < PATIENCE_SECONDS


def test_many_notifications_at_once_on_a_hung_redis_wait_no_longer_than_one(
    own_notifier: QueueNotifier, hang: Callable[[], None], variant: str
) -> None:
    own_notifier.notify(ticket(variant))
    hang()
    results = at_once([lambda: timed(lambda: own_notifier.notify(ticket(variant)))] * 40)
    assert {answer for answer, _ in results} == {False}
    assert max(seconds for _, seconds in results) < PATIENCE_SECONDS


def test_after_a_failed_notification_nobody_waits_until_redis_goes_on(
    own_notifier: QueueNotifier, own_redis: Child, hang: Callable[[], None], variant: str
) -> None:
    hang()
    answer, seconds = timed(lambda: own_notifier.notify(ticket(variant)))
    assert answer is False
    assert seconds < PATIENCE_SECONDS
    answers, seconds = timed(lambda: [own_notifier.notify(ticket(variant)) for _ in range(100)])
    assert not any(answers)
    assert seconds < QUIET_SECONDS / 2
    os.kill(own_redis.pid, signal.SIGCONT)
    assert await_true(lambda: own_notifier.notify(ticket(variant)))
