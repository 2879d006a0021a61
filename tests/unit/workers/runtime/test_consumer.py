"""A ticket stands for all jobs of its queue, until its time is over."""

import pytest

from workers.runtime.consumer import TicketConsumer

VARIANT = "flux.1-demo"
LONG, SHORT = 3600.0, 1e-9


class Queue:
    """A queue of some batches; it records claims and new tickets."""

    def __init__(self, batches: int) -> None:
        self.left = batches
        self.claims = 0
        self.notified: list[str] = []

    def run_batch(self, variant: str) -> bool:
        assert variant == VARIANT
        self.claims += 1
        self.left -= 1
        return self.left > 0

    def consumer(self, seconds: float) -> TicketConsumer:
        return TicketConsumer(self.run_batch, self.notified.append, seconds=seconds)


@pytest.mark.parametrize("batches", [0, 1, 5])
def test_a_ticket_runs_batches_until_nothing_is_left(batches: int) -> None:
    queue = Queue(batches)
    queue.consumer(LONG).handle(VARIANT)
    assert (queue.claims, queue.notified) == (max(1, batches), [])


def test_a_ticket_whose_time_is_over_with_work_left_enqueues_another() -> None:
    queue = Queue(5)
    consumer = queue.consumer(SHORT)
    consumer.handle(VARIANT)
    assert (queue.claims, queue.notified) == (1, [VARIANT])
    consumer.handle(VARIANT)
    assert (queue.claims, queue.notified) == (2, [VARIANT] * 2)


def test_a_ticket_without_work_enqueues_none() -> None:
    queue = Queue(0)
    queue.consumer(SHORT).handle(VARIANT)
    assert queue.notified == []


def test_a_worker_that_stops_ends_its_ticket_with_the_batch() -> None:
    queue = Queue(5)
    consumer = queue.consumer(LONG)
    consumer.close()
    consumer.handle(VARIANT)
    assert (queue.claims, queue.notified) == (1, [VARIANT])
