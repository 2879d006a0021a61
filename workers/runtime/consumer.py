"""From a ticket to all the work that it stands for."""

import threading
import time
from collections.abc import Callable


class TicketConsumer:
    """Answers tickets: each with batch after batch, until no job is left or the turn is over.

    A ticket stands for every job that was committed before it was taken, not for one: under a
    backlog tickets are not even sent (`workers.messaging.queue.ENOUGH_TICKETS`). A turn that ends
    with work left rings for another, so that a worker's other queues have theirs in between.
    """

    def __init__(
        self, answer: Callable[[str], bool], ring: Callable[[str], object], *, seconds: float
    ) -> None:
        """Take turns.

        Args:
            answer: claims and carries out one batch of a variant's jobs; whether there are more.
            ring: sends a ticket for a variant.
            seconds: after how long no further batch of a turn is begun.
        """
        self._answer = answer
        self._notify = ring
        self._seconds = seconds
        self._closing = threading.Event()

    def handle(self, variant: str) -> None:
        """Answer one ticket."""
        ends_at = time.monotonic() + self._seconds
        while self._answer(variant):
            if self._closing.is_set() or time.monotonic() > ends_at:
                self._notify(variant)
                return

    def close(self) -> None:
        """Let every turn end with its batch: other workers are to have what is left."""
        self._closing.set()
