"""The watchdog: ends a process whose device call hangs, so that the fleet can start a fresh one.

A call that overruns its job's deadline is asked to stop between two steps; one that does not
come back even then is stuck in a kernel or a driver, which nothing in the process can end. The
leases of its jobs run out, and other workers take them.
"""

import os
import threading
from collections.abc import Callable

import structlog

from workers.runtime.active_jobs import ActiveJobs

EXIT_STATUS = 70
"""EX_SOFTWARE of sysexits.h."""

_log = structlog.get_logger(__name__)


def end_process() -> None:
    """End this process at once: any other exit would wait for the thread that hangs."""
    os._exit(EXIT_STATUS)


class Watchdog:
    """Looks at what is on the device.

    Args:
        active_jobs: the process's jobs in hand.
        grace_seconds: how long past its deadline a job may still be on the device.
        end: what to do about one that is there longer.
    """

    def __init__(
        self,
        active_jobs: ActiveJobs,
        *,
        grace_seconds: float,
        every_seconds: float = 1.0,
        end: Callable[[], None] = end_process,
    ) -> None:
        self._active_jobs = active_jobs
        self._grace_seconds = grace_seconds
        self._every_seconds = every_seconds
        self._end = end
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(self._every_seconds):
            for job in self._active_jobs.snapshot().values():
                if job.overrun_seconds > self._grace_seconds:
                    _log.error("device_call_hangs", job_id=job.row.id, variant=job.row.variant)
                    self._end()
                    return
