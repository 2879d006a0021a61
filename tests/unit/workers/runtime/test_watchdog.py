"""Ending what hangs on the device."""

import threading
import time

import pytest

from db.tables import Job
from workers.runtime.active_jobs import ActiveJob, ActiveJobs
from workers.runtime.watchdog import Watchdog


def on_device() -> ActiveJob:
    job = ActiveJob(Job(id="job_1", attempt=1, variant="flux.1-demo", deadline_seconds=60))
    job.enter_device()
    return job


def watched(register: ActiveJobs) -> tuple[Watchdog, threading.Event]:
    ended = threading.Event()
    watchdog = Watchdog(
        register, grace_seconds=5, every_seconds=0.01, exit_process=lambda _status: ended.set()
    )
    return watchdog, ended


def test_a_call_that_hangs_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    job, register = on_device(), ActiveJobs()
    register.add([job])
    later = time.monotonic() + 66
    monkeypatch.setattr(time, "monotonic", lambda: later)
    watchdog, ended = watched(register)
    watchdog.start()
    assert ended.wait(5)
    watchdog.stop()


@pytest.mark.parametrize("seconds", [1, 61, 64])
def test_a_call_within_its_deadline_and_grace_is_left_alone(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, register = on_device(), ActiveJobs()
    register.add([job])
    later = time.monotonic() + seconds
    monkeypatch.setattr(time, "monotonic", lambda: later)
    watchdog, ended = watched(register)
    watchdog.start()
    assert not ended.wait(0.1)
    watchdog.stop()


def test_a_job_that_is_being_stored_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    job, register = on_device(), ActiveJobs()
    job.leave_device()
    register.add([job])
    later = time.monotonic() + 1000
    monkeypatch.setattr(time, "monotonic", lambda: later)
    watchdog, ended = watched(register)
    watchdog.start()
    assert not ended.wait(0.1)
    watchdog.stop()
