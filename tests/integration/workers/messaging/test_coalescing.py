"""Rings of a moment, gathered: the first at once, the others as one after the last of them."""

import time
from collections.abc import Iterator

import pytest

from tests.support.waiting import at_once, await_true
from workers.messaging.coalescing import WINDOW_SECONDS, GatheredRings
from workers.messaging.queue import Doorbell, Ticket


@pytest.fixture
def rings(doorbell: Doorbell) -> Iterator[GatheredRings]:
    gathered = GatheredRings(doorbell)
    yield gathered
    gathered.close()


def test_the_first_ring_is_heard_at_once(
    rings: GatheredRings, doorbell: Doorbell, variant: str
) -> None:
    rings.ring(Ticket(variant))
    assert doorbell.waiting_tickets(variant) == 1
    time.sleep(2 * WINDOW_SECONDS)  # nothing is to happen meanwhile
    assert doorbell.waiting_tickets(variant) == 1
    rings.ring(Ticket(variant))
    assert doorbell.waiting_tickets(variant) == 2


def test_many_rings_are_few_tickets_and_the_last_comes_after_them_all(
    rings: GatheredRings, doorbell: Doorbell, variant: str
) -> None:
    began = time.monotonic()
    for _ in range(100):
        rings.ring(Ticket(variant))
    seconds = time.monotonic() - began
    ended_with = doorbell.waiting_tickets(variant) or 0
    assert await_true(lambda: (doorbell.waiting_tickets(variant) or 0) > ended_with)
    assert (doorbell.waiting_tickets(variant) or 0) <= 2 + seconds / WINDOW_SECONDS + 1


def test_queues_are_rung_for_apart(rings: GatheredRings, doorbell: Doorbell, variant: str) -> None:
    rings.ring(Ticket(variant))
    rings.ring(Ticket(variant + ".sibling"))
    assert doorbell.waiting_tickets(variant) == doorbell.waiting_tickets(variant + ".sibling") == 1


def test_closing_rings_for_what_was_gathered(doorbell: Doorbell, variant: str) -> None:
    gathered = GatheredRings(doorbell)
    at_once([lambda: gathered.ring(Ticket(variant))] * 8)
    gathered.close()
    assert doorbell.waiting_tickets(variant) == 2
