"""Coalesced tickets: the first is sent at once, the others of a window as one at its end."""

import time
from collections.abc import Iterator

import pytest

from tests.support.waiting import at_once, await_true
from workers.messaging.coalescing import WINDOW_SECONDS, CoalescingNotifier
from workers.messaging.queue import QueueNotifier, Ticket


@pytest.fixture
def notifier(queue_notifier: QueueNotifier) -> Iterator[CoalescingNotifier]:
    opened = CoalescingNotifier(queue_notifier)
    yield opened
    opened.close()


def test_the_first_ticket_is_sent_at_once(
    notifier: CoalescingNotifier, queue_notifier: QueueNotifier, variant: str
) -> None:
    notifier.notify(Ticket(variant))
    assert queue_notifier.waiting_tickets(variant) == 1
    time.sleep(2 * WINDOW_SECONDS)  # nothing is to happen meanwhile
    assert queue_notifier.waiting_tickets(variant) == 1
    notifier.notify(Ticket(variant))
    assert queue_notifier.waiting_tickets(variant) == 2


def test_many_notifications_are_few_tickets_and_one_is_sent_after_the_last(
    notifier: CoalescingNotifier, queue_notifier: QueueNotifier, variant: str
) -> None:
    began = time.monotonic()
    for _ in range(100):
        notifier.notify(Ticket(variant))
    seconds = time.monotonic() - began
    before = queue_notifier.waiting_tickets(variant) or 0
    assert await_true(lambda: (queue_notifier.waiting_tickets(variant) or 0) > before)
    assert (queue_notifier.waiting_tickets(variant) or 0) <= 2 + seconds / WINDOW_SECONDS + 1


def test_each_queue_has_a_window_of_its_own(
    notifier: CoalescingNotifier, queue_notifier: QueueNotifier, variant: str
) -> None:
    notifier.notify(Ticket(variant))
    notifier.notify(Ticket(variant + ".sibling"))
    assert (
        queue_notifier.waiting_tickets(variant)
        == queue_notifier.waiting_tickets(variant + ".sibling")
        == 1
    )


def test_closing_sends_the_pending_tickets(queue_notifier: QueueNotifier, variant: str) -> None:
    notifier = CoalescingNotifier(queue_notifier)
    at_once([lambda: notifier.notify(Ticket(variant))] * 8)
    notifier.close()
    assert queue_notifier.waiting_tickets(variant) == 2
