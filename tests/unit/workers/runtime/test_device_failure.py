"""Ending a process whose device is lost."""

import threading

import pytest

from db.tables import Job
from workers.runtime.active_jobs import ActiveJob, ActiveJobs
from workers.runtime.device_failure import exit_on_device_failure


def test_a_worker_with_a_sound_device_goes_on() -> None:
    ended: list[bool] = []
    answer = exit_on_device_failure(
        lambda _variant: 3,
        lambda: False,
        ActiveJobs(),
        grace_seconds=1,
        end=lambda: ended.append(1),
    )
    assert answer("flux.1-demo") == 3
    assert ended == []


def test_results_in_hand_are_stored_before_the_end() -> None:
    register, job = ActiveJobs(), ActiveJob(Job(id="job_1", attempt=1))
    register.add([job])
    in_hand_at_end: list[int] = []
    answer = exit_on_device_failure(
        lambda _variant: 1,
        lambda: True,
        register,
        grace_seconds=10,
        end=lambda: in_hand_at_end.append(len(register.snapshot())),
    )
    threading.Timer(0.05, register.remove, [job]).start()
    answer("flux.1-demo")
    assert in_hand_at_end == [0]


def test_a_result_that_takes_too_long_is_not_waited_for() -> None:
    register = ActiveJobs()
    register.add([ActiveJob(Job(id="job_1", attempt=1))])
    ended = threading.Event()
    answer = exit_on_device_failure(
        lambda _variant: 1, lambda: True, register, grace_seconds=0.01, end=ended.set
    )
    answer("flux.1-demo")
    assert ended.is_set()


def test_a_ticket_whose_answer_fails_ends_the_process_all_the_same() -> None:
    def fail(_variant: str) -> int:
        raise ConnectionError

    ended = threading.Event()
    answer = exit_on_device_failure(
        fail, lambda: True, ActiveJobs(), grace_seconds=1, end=ended.set
    )
    with pytest.raises(ConnectionError):
        answer("flux.1-demo")
    assert ended.is_set()
