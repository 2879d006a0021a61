"""Ringing at once, and then not again for a moment: what comes meanwhile is rung for together."""

import threading
import time

from workers.messaging.queue import QueueNotifier, Ticket

WINDOW_SECONDS = 0.04


class CoalescingNotifier:
    """A queue_notifier for many jobs a second.

    The first ring for a queue goes out at once. Those of the next 40 ms go out as one, at their
    end: it comes after all their commits, and a worker that finds more than it can take rings for
    the next (`workers.runtime.executor`), so one ticket is enough for them.
    """

    def __init__(self, queue_notifier: QueueNotifier) -> None:
        self._notifier = queue_notifier
        self._changed = threading.Condition()
        self._open_until: dict[str, float] = {}
        self._gathered: dict[str, Ticket] = {}
        self._closing = False
        self._thread = threading.Thread(target=self._ring_on, name="queue_notifier", daemon=True)
        self._thread.start()

    def notify(self, ticket: Ticket) -> None:
        """Ring now, or with the others in a moment."""
        with self._changed:
            if time.monotonic() < self._open_until.get(ticket.variant, 0.0):
                self._gathered[ticket.variant] = ticket
                self._changed.notify()
                return
            self._open(ticket.variant)
        self._notifier.notify(ticket)

    def close(self) -> None:
        """Ring for all that was gathered."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _open(self, variant: str) -> None:
        self._open_until[variant] = time.monotonic() + WINDOW_SECONDS

    def _ring_on(self) -> None:
        while (due := self._wait_for_due()) is not None:
            for ticket in due:
                self._notifier.notify(ticket)

    def _wait_for_due(self) -> list[Ticket] | None:
        """Tickets whose window is over, once there are any; None when nothing is to come."""
        with self._changed:
            while True:
                if due := self._take_due():
                    return due
                if self._closing:
                    return None
                ends = [self._open_until[variant] for variant in self._gathered]
                self._changed.wait(min(ends) - time.monotonic() if ends else None)

    def _take_due(self) -> list[Ticket]:
        now = time.monotonic()
        over = [v for v in self._gathered if self._closing or self._open_until[v] <= now]
        for variant in over:
            self._open(variant)
        return [self._gathered.pop(variant) for variant in over]
