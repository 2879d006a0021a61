"""A ticket stands for all the work there is, for the length of a turn."""

import pytest

from workers.runtime.consumer import TicketConsumer

VARIANT = "flux.1-demo"
LONG, SHORT = 3600.0, 1e-9


class Queue:
    """So many batches, and what was rung for."""

    def __init__(self, batches: int) -> None:
        self.left = batches
        self.asked = 0
        self.rung: list[str] = []

    def answer(self, variant: str) -> bool:
        assert variant == VARIANT
        self.asked += 1
        self.left -= 1
        return self.left > 0

    def consumer(self, seconds: float) -> TicketConsumer:
        return TicketConsumer(self.answer, self.rung.append, seconds=seconds)


@pytest.mark.parametrize("batches", [0, 1, 5])
def test_a_turn_goes_on_until_nothing_is_left(batches: int) -> None:
    queue = Queue(batches)
    queue.consumer(LONG).handle(VARIANT)
    assert (queue.asked, queue.rung) == (max(1, batches), [])


def test_a_turn_that_is_over_with_work_left_rings_for_another() -> None:
    queue = Queue(5)
    consumer = queue.consumer(SHORT)
    consumer.handle(VARIANT)
    assert (queue.asked, queue.rung) == (1, [VARIANT])
    consumer.handle(VARIANT)
    assert (queue.asked, queue.rung) == (2, [VARIANT] * 2)


def test_a_turn_that_meets_nothing_rings_for_nobody() -> None:
    queue = Queue(0)
    queue.consumer(SHORT).handle(VARIANT)
    assert queue.rung == []


def test_a_worker_that_leaves_ends_its_turn_with_the_batch() -> None:
    queue = Queue(5)
    consumer = queue.consumer(LONG)
    consumer.close()
    consumer.handle(VARIANT)
    assert (queue.asked, queue.rung) == (1, [VARIANT])
