"""The end of a process whose device has failed, or hangs.

A CUDA context that failed once fails at every later call, and only a fresh process gets another.
The jobs of the batch that met the failure have had their attempt, which counts as that of a
worker that died; those that waited for the device are handed back; results that are being stored
are stored. Then the process ends, and its supervisor starts the next.
"""

import os
from collections.abc import Callable

import structlog

from workers.runtime.active_jobs import ActiveJobs
from workers.runtime.device import Device

EXIT_DEVICE_FAILED = 71
"""EX_OSERR of sysexits.h."""

_log = structlog.get_logger(__name__)


def exit_at_once(status: int) -> None:
    """End this process without an orderly exit.

    That would ask the failed device to free its memory, or wait for the thread that hangs.
    """
    os._exit(status)


def exit_on_device_failure(
    device: Device,
    active_jobs: ActiveJobs,
    *,
    grace_seconds: float,
    exit_process: Callable[[int], object] = exit_at_once,
) -> None:
    """End the process if its device has failed, once nothing is being stored.

    Args:
        device: the process's device.
        active_jobs: the process's jobs.
        grace_seconds: the time that other threads have to store their results.
        exit_process: ends the process with a status.
    """
    if device.has_failed:
        finished = active_jobs.wait_until_empty(grace_seconds)
        _log.error("worker_ends", reason="device_lost", finished=finished)
        exit_process(EXIT_DEVICE_FAILED)
