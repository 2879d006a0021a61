"""The gate that closes while an operator has drained the worker."""

import threading


class DrainGate:
    """Open, or closed by an operator; the heartbeat sets it.

    A ticket that waits takes one of the worker's few places, so a closed gate holds a handful and
    the others go to other workers. Those that it holds are no loss: the sweeper notifies again for
    every job that waits.
    """

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self._ending = False

    def set_drained(self, *, drained: bool) -> None:
        """Close the gate, or open it again."""
        if drained and not self._ending:
            self._open.clear()
        else:
            self._open.set()

    def end(self) -> None:
        """Release all that wait, with nothing to do: the process ends."""
        self._ending = True
        self._open.set()

    @property
    def is_closed(self) -> bool:
        """True while nothing new may be claimed."""
        return not self._open.is_set()

    def wait_until_open(self) -> bool:
        """Wait until the gate is open; false when the process ends instead."""
        if self.is_closed:
            self._open.wait()
            return not self._ending
        return True
