"""The end of a process whose device has failed."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from db.tables import Job
from workers.runtime.active_jobs import ActiveJob, ActiveJobs
from workers.runtime.consumer import TicketConsumer
from workers.runtime.device_failure import EXIT_DEVICE_FAILED, exit_on_device_failure

FAILED: Any = SimpleNamespace(has_failed=True)
SOUND: Any = SimpleNamespace(has_failed=False)


def test_a_worker_with_a_sound_device_goes_on() -> None:
    statuses: list[int] = []
    exit_on_device_failure(SOUND, ActiveJobs(), grace_seconds=1, exit_process=statuses.append)
    assert statuses == []


def test_active_results_are_stored_before_the_end() -> None:
    active_jobs, job = ActiveJobs(), ActiveJob(Job(id="job_1", attempt=1))
    active_jobs.add([job])
    ends: list[tuple[int, int]] = []
    threading.Timer(0.05, active_jobs.remove, [job]).start()
    exit_on_device_failure(
        FAILED,
        active_jobs,
        grace_seconds=10,
        exit_process=lambda status: ends.append((status, len(active_jobs.snapshot()))),
    )
    assert ends == [(EXIT_DEVICE_FAILED, 0)]


def test_a_result_that_takes_too_long_is_not_waited_for() -> None:
    active_jobs = ActiveJobs()
    active_jobs.add([ActiveJob(Job(id="job_1", attempt=1))])
    statuses: list[int] = []
    exit_on_device_failure(FAILED, active_jobs, grace_seconds=0.01, exit_process=statuses.append)
    assert statuses == [EXIT_DEVICE_FAILED]


def test_a_batch_that_raises_ends_the_process_all_the_same() -> None:
    def fail(_variant: str) -> bool:
        raise ConnectionError

    statuses: list[int] = []
    consumer = TicketConsumer(
        fail,
        lambda _variant: None,
        seconds=60,
        after_batch=lambda: exit_on_device_failure(
            FAILED, ActiveJobs(), grace_seconds=1, exit_process=statuses.append
        ),
    )
    with pytest.raises(ConnectionError):
        consumer.handle("flux.1-demo")
    assert statuses == [EXIT_DEVICE_FAILED]
