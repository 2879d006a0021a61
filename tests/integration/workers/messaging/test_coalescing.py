"""Rings of a moment, gathered: the first at once, the others as one after the last of them."""

import time
from collections.abc import Iterator

import pytest

from tests.support.waiting import at_once, await_true
from workers.messaging.coalescing import WINDOW_SECONDS, CoalescingNotifier
from workers.messaging.queue import QueueNotifier, Ticket


@pytest.fixture
def rings(queue_notifier: QueueNotifier) -> Iterator[CoalescingNotifier]:
    gathered = CoalescingNotifier(queue_notifier)
    yield gathered
    gathered.close()


def test_the_first_ring_is_heard_at_once(
    notifier: CoalescingNotifier, queue_notifier: QueueNotifier, variant: str
) -> None:
    notifier.notify(Ticket(variant))
    assert queue_notifier.waiting_tickets(variant) == 1
    time.sleep(2 * WINDOW_SECONDS)  # nothing is to happen meanwhile
    assert queue_notifier.waiting_tickets(variant) == 1
    notifier.notify(Ticket(variant))
    assert queue_notifier.waiting_tickets(variant) == 2


def test_many_rings_are_few_tickets_and_the_last_comes_after_them_all(
    notifier: CoalescingNotifier, queue_notifier: QueueNotifier, variant: str
) -> None:
    began = time.monotonic()
    for _ in range(100):
        notifier.notify(Ticket(variant))
    seconds = time.monotonic() - began
    ended_with = queue_notifier.waiting_tickets(variant) or 0
    assert await_true(lambda: (queue_notifier.waiting_tickets(variant) or 0) > ended_with)
    assert (queue_notifier.waiting_tickets(variant) or 0) <= 2 + seconds / WINDOW_SECONDS + 1


def test_queues_are_rung_for_apart(
    notifier: CoalescingNotifier, queue_notifier: QueueNotifier, variant: str
) -> None:
    notifier.notify(Ticket(variant))
    notifier.notify(Ticket(variant + ".sibling"))
    assert (
        queue_notifier.waiting_tickets(variant)
        == queue_notifier.waiting_tickets(variant + ".sibling")
        == 1
    )


def test_closing_rings_for_what_was_gathered(queue_notifier: QueueNotifier, variant: str) -> None:
    gathered = CoalescingNotifier(queue_notifier)
    at_once([lambda: gathered.notify(Ticket(variant))] * 8)
    gathered.close()
    assert queue_notifier.waiting_tickets(variant) == 2
