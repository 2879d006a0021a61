"""The consumer of tickets: one Celery task, which claims batches until its queue is empty."""

import threading
import time
from collections.abc import Callable

from celery import Celery

from workers.messaging.ticket_transport import TASK
from workers.runtime.drain_gate import DrainGate


class TicketConsumer:
    """Handles tickets: each with batch after batch, until no job is left or its time is over.

    A ticket stands for every job that was committed before it was taken, not for one: under a
    backlog tickets are not even sent (`workers.messaging.queue.ENOUGH_TICKETS`). A ticket that
    ends with work left enqueues another, so that a worker's other queues are served in between.
    """

    def __init__(
        self,
        run_batch: Callable[[str], bool],
        notify: Callable[[str], object],
        *,
        seconds: float,
        gate: DrainGate | None = None,
        after_batch: Callable[[], object] = lambda: None,
    ) -> None:
        """Consume tickets.

        Args:
            run_batch: claims and processes one batch of a variant; true when there are more.
            notify: enqueues a ticket for a variant.
            seconds: the time after which no further batch of a ticket is begun.
            gate: closed while an operator has drained the worker; by default always open.
            after_batch: called after each batch, also after one that raised.
        """
        self._run_batch = run_batch
        self._notify = notify
        self._seconds = seconds
        self._gate = gate or DrainGate()
        self._after_batch = after_batch
        self._closing = threading.Event()

    def register(self, app: Celery) -> None:
        """Have the app's workers handle tickets with this consumer."""

        @app.task(name=TASK, ignore_result=True, shared=False)  # type: ignore[untyped-decorator]
        def ring(variant: str, **_metadata: object) -> None:
            self.handle(variant)

    def handle(self, variant: str) -> None:
        """Handle one ticket."""
        ends_at = time.monotonic() + self._seconds
        while self._gate.wait_until_open():
            try:
                has_more = self._run_batch(variant)
            finally:
                self._after_batch()
            if not has_more:
                return
            if self._closing.is_set() or time.monotonic() > ends_at:
                self._notify(variant)
                return

    def close(self) -> None:
        """End every ticket with its current batch: other workers take the rest."""
        self._closing.set()
