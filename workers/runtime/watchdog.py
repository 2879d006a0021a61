"""The watchdog: ends a process whose model call hangs, so that the fleet can start a fresh one.

A call that overruns its job's deadline is asked to stop between two steps; one that does not
return even then is stuck in a kernel or a driver, which nothing in the process can end. The
leases of its jobs run out, and other workers take them.
"""

import threading
from collections.abc import Callable

import structlog

from workers.runtime.active_jobs import ActiveJobs
from workers.runtime.device_failure import exit_at_once

EXIT_CALL_HANGS = 70
"""EX_SOFTWARE of sysexits.h."""

_log = structlog.get_logger(__name__)


class Watchdog:
    """Checks the jobs on the device.

    Args:
        active_jobs: the process's jobs.
        grace_seconds: the time past its deadline that a job may still be on the device.
        every_seconds: the time between two checks.
        exit_process: ends the process with a status.
    """

    def __init__(
        self,
        active_jobs: ActiveJobs,
        *,
        grace_seconds: float,
        every_seconds: float = 1.0,
        exit_process: Callable[[int], object] = exit_at_once,
    ) -> None:
        self._active_jobs = active_jobs
        self._grace_seconds = grace_seconds
        self._every_seconds = every_seconds
        self._exit_process = exit_process
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._check_until_stopped, name="watchdog", daemon=True
        )

    def start(self) -> None:
        """Begin to check."""
        self._thread.start()

    def stop(self) -> None:
        """End the checks."""
        self._stopping.set()
        self._thread.join()

    def _check_until_stopped(self) -> None:
        while not self._stopping.wait(self._every_seconds):
            for job in self._active_jobs.snapshot().values():
                if job.overrun_seconds > self._grace_seconds:
                    _log.error("device_call_hangs", job_id=job.row.id, variant=job.row.variant)
                    self._exit_process(EXIT_CALL_HANGS)
                    return
