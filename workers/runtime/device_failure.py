"""The end of a process whose device is lost: what needs no device is finished first.

A CUDA context that failed once fails at every later call, and only a fresh process gets another.
The jobs of the batch that met the failure have had their attempt, which counts as that of a
worker that died; those that waited for the device were handed back; results that were being
stored are stored. Then the process ends, and whoever supervises it starts the next.
"""

import os
from collections.abc import Callable
from typing import TypeVar

import structlog

from workers.runtime.active_jobs import ActiveJobs

EXIT_STATUS = 71
"""EX_OSERR of sysexits.h."""

Answer = TypeVar("Answer")

_log = structlog.get_logger(__name__)


def end_process() -> None:
    """End this process at once: an orderly exit would ask the lost device to free its memory."""
    os._exit(EXIT_STATUS)


def exit_on_device_failure(
    answer: Callable[[str], Answer],
    is_lost: Callable[[], bool],
    active_jobs: ActiveJobs,
    *,
    grace_seconds: float,
    end: Callable[[], None] = end_process,
) -> Callable[[str], Answer]:
    """Answer tickets like `answer`, and end the process after the one that loses the device.

    Args:
        answer: answers one ticket.
        is_lost: whether the device failed for good.
        active_jobs: the process's jobs in hand.
        grace_seconds: how long other threads may take to store their results.
        end: what ends the process.
    """

    def answer_or_end(variant_id: str) -> Answer:
        try:
            return answer(variant_id)
        finally:
            if is_lost():
                finished = active_jobs.wait_until_empty(grace_seconds)
                _log.error("worker_ends", reason="device_lost", finished=finished)
                end()

    return answer_or_end
