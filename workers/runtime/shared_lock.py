"""A lock that many threads hold together, or one exclusively (a readers-writer lock)."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class SharedExclusiveLock:
    """Held by many threads at once, or by one alone; a waiting writer goes before new readers."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._holders = 0
        self._exclusive_waiters = 0
        self._is_exclusive = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold it beside others; wait while a thread holds it exclusively, or waits to."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._is_exclusive or self._exclusive_waiters))
            self._holders += 1
        try:
            yield
        finally:
            with self._changed:
                self._holders -= 1
                self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold it alone, once all others have released it; not for a thread that holds it."""
        with self._changed:
            self._exclusive_waiters += 1
            self._changed.wait_for(lambda: not (self._is_exclusive or self._holders))
            self._exclusive_waiters -= 1
            self._is_exclusive = True
        try:
            yield
        finally:
            with self._changed:
                self._is_exclusive = False
                self._changed.notify_all()
