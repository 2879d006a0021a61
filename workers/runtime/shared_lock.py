"""What a process does side by side, and what it does with nothing beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class SharedExclusiveLock:
    """Many threads in company, or one alone; who waits to be alone goes before newcomers."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._inside = 0
        self._waiting_alone = 0
        self._alone = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Beside any others; waits while someone is alone, or waits to be."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._alone or self._waiting_alone))
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """With nobody beside; waits until all have left. Not to be asked for from inside."""
        with self._changed:
            self._waiting_alone += 1
            self._changed.wait_for(lambda: not (self._alone or self._inside))
            self._waiting_alone -= 1
            self._alone = True
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()
