"""The watchdog of loads: ends a process whose load does not move, such as one that hangs on a disk.

Nothing in the process can end a read from a dead network disk, or a call of a driver that hangs.
"""

import threading
import time
from collections.abc import Callable, Hashable

import structlog

from workers.runtime.device_failure import exit_at_once

EXIT_LOAD_HANGS = 70
"""EX_SOFTWARE of sysexits.h."""

_log = structlog.get_logger(__name__)


class LoadWatchdog:
    """Checks that a load moves.

    Args:
        progress: the state of the load that runs, which changes while it moves; None while none
            runs.
        stall_seconds: the time without a change after which the process ends; 0 is no limit.
        on_stall: called with the problem in one sentence, before the end.
        every_seconds: the time between two checks.
        exit_process: ends the process with a status.
        clock: returns seconds.
    """

    def __init__(
        self,
        progress: Callable[[], Hashable | None],
        *,
        stall_seconds: float,
        on_stall: Callable[[str], object] = lambda _problem: None,
        every_seconds: float = 1.0,
        exit_process: Callable[[int], object] = exit_at_once,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._progress = progress
        self._stall_seconds = stall_seconds
        self._on_stall = on_stall
        self._every_seconds = every_seconds
        self._exit_process = exit_process
        self._clock = clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._check_until_stopped, name="load-watchdog", daemon=True
        )

    def start(self) -> None:
        """Begin to check, unless there is no limit."""
        if self._stall_seconds:
            self._thread.start()

    def stop(self) -> None:
        """End the checks."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _check_until_stopped(self) -> None:
        last: Hashable | None = None
        moved_at = self._clock()
        while not self._stopping.wait(self._every_seconds):
            now = self._progress()
            if now is None or now != last:
                last, moved_at = now, self._clock()
            elif self._clock() - moved_at > self._stall_seconds:
                self._end()
                return

    def _end(self) -> None:
        problem = (
            f"a model's load did not move for {self._stall_seconds:g} s, and the process ended: "
            "look at the disk and the network of its weights, and at dmesg "
            "(BOTTEGA_LOAD_STALL_SECONDS)"
        )
        _log.error("load_hangs", problem=problem)
        self._on_stall(problem)
        self._exit_process(EXIT_LOAD_HANGS)
