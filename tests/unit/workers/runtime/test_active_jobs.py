"""What a worker has in hand."""

import threading
import time

import pytest

from db.jobs.types import Claim
from db.tables import Job
from workers.runtime.active_jobs import ActiveJob, ActiveJobs


def in_hand(job_id: str = "job_1", attempt: int = 1, deadline: float = 60) -> ActiveJob:
    """A claimed job that no database knows."""
    return ActiveJob(Job(id=job_id, attempt=attempt, deadline_seconds=deadline))


def test_a_claim_names_the_job_and_the_attempt() -> None:
    assert in_hand("job_7", 2).claim == Claim("job_7", 2)


def test_what_is_in_hand_is_seen_until_it_is_put_down() -> None:
    register = ActiveJobs()
    one, other = in_hand("job_1"), in_hand("job_2")
    register.add([one, other])
    assert set(register.snapshot().values()) == {one, other}
    register.remove(one)
    register.remove(one)
    assert set(register.snapshot().values()) == {other}


def test_a_snapshot_does_not_change_afterwards() -> None:
    register = ActiveJobs()
    before = register.snapshot()
    register.add([in_hand()])
    assert before == {}


def test_putting_down_an_old_attempt_leaves_the_new_one_in_hand() -> None:
    register = ActiveJobs()
    old, new = in_hand(attempt=1), in_hand(attempt=2)
    register.add([old, new])
    register.remove(old)
    assert list(register.snapshot()) == [new.claim]


def test_an_empty_hand_can_be_waited_for() -> None:
    register, job = ActiveJobs(), in_hand()
    register.add([job])
    assert not register.wait_until_empty(0.01)
    threading.Timer(0.05, register.remove, [job]).start()
    assert register.wait_until_empty(10)


def test_a_job_is_overdue_once_its_deadline_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    job = in_hand(deadline=60)
    job.enter_device()
    assert not job.is_overdue
    later = time.monotonic() + 60.1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert job.is_overdue


def test_a_job_that_waits_for_the_device_is_not_overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    job = in_hand(deadline=60)
    later = time.monotonic() + 60.1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert not job.is_overdue
