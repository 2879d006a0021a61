"""Coalescing of tickets: the first of a queue is sent at once, those of a short window as one."""

import threading
import time

from workers.messaging.queue import QueueNotifier, Ticket

WINDOW_SECONDS = 0.04


class CoalescingNotifier:
    """A notifier for many jobs a second.

    The first ticket of a queue is sent at once. Those of the next 40 ms are sent as one, at the
    end of that window: it is sent after all their commits, and a worker that finds more jobs than
    it can claim enqueues another ticket (`workers.runtime.executor`), so one is enough for them.
    """

    def __init__(self, queue_notifier: QueueNotifier) -> None:
        self._notifier = queue_notifier
        self._changed = threading.Condition()
        self._window_ends: dict[str, float] = {}
        self._pending: dict[str, Ticket] = {}
        self._closing = False
        self._thread = threading.Thread(
            target=self._send_until_closed, name="queue_notifier", daemon=True
        )
        self._thread.start()

    def notify(self, ticket: Ticket) -> None:
        """Send a ticket now, or with the others at the end of the window."""
        with self._changed:
            if time.monotonic() < self._window_ends.get(ticket.variant, 0.0):
                self._pending[ticket.variant] = ticket
                self._changed.notify()
                return
            self._open_window(ticket.variant)
        self._notifier.notify(ticket)

    def close(self) -> None:
        """Send all pending tickets."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _open_window(self, variant: str) -> None:
        self._window_ends[variant] = time.monotonic() + WINDOW_SECONDS

    def _send_until_closed(self) -> None:
        while (due := self._wait_for_due()) is not None:
            for ticket in due:
                self._notifier.notify(ticket)

    def _wait_for_due(self) -> list[Ticket] | None:
        """Tickets whose window is over, once there are any; None after the last one."""
        with self._changed:
            while True:
                if due := self._pop_due():
                    return due
                if self._closing:
                    return None
                ends = [self._window_ends[variant] for variant in self._pending]
                self._changed.wait(min(ends) - time.monotonic() if ends else None)

    def _pop_due(self) -> list[Ticket]:
        now = time.monotonic()
        due = [v for v in self._pending if self._closing or self._window_ends[v] <= now]
        for variant in due:
            self._open_window(variant)
        return [self._pending.pop(variant) for variant in due]
