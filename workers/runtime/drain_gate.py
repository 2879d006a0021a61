"""What a drained worker's tickets wait at: it finishes what it has in hand and claims nothing."""

import threading


class DrainGate:
    """Open, or shut by an operator; the heartbeat tells which.

    A ticket that waits holds one of the worker's few places, so that a shut gate keeps a handful
    and the others go to other workers. Those it keeps are no loss: maintenance rings again for
    whatever waits.
    """

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self._ending = False

    def told(self, *, drained: bool) -> None:
        """Shut, or open again."""
        if drained and not self._ending:
            self._open.clear()
        else:
            self._open.set()

    def end(self) -> None:
        """Let whoever waits go, with nothing: the process ends."""
        self._ending = True
        self._open.set()

    @property
    def is_shut(self) -> bool:
        """Whether nothing new is to be claimed."""
        return not self._open.is_set()

    def passed(self) -> bool:
        """Wait until it is open; False when the process ends instead."""
        if self.is_shut:
            self._open.wait()
            return not self._ending
        return True
