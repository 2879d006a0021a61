"""The active jobs of a worker."""

import threading
import time

import pytest

from db.jobs.types import Claim
from db.tables import Job
from workers.runtime.active_jobs import ActiveJob, ActiveJobs


def active_job(job_id: str = "job_1", attempt: int = 1, deadline: float = 60) -> ActiveJob:
    """An active job without a row in a database."""
    return ActiveJob(Job(id=job_id, attempt=attempt, deadline_seconds=deadline))


def test_a_claim_names_the_job_and_the_attempt() -> None:
    assert active_job("job_7", 2).claim == Claim("job_7", 2)


def test_a_job_is_active_until_it_is_removed() -> None:
    active_jobs = ActiveJobs()
    one, other = active_job("job_1"), active_job("job_2")
    active_jobs.add([one, other])
    assert set(active_jobs.snapshot().values()) == {one, other}
    active_jobs.remove(one)
    active_jobs.remove(one)
    assert set(active_jobs.snapshot().values()) == {other}


def test_a_snapshot_does_not_change_afterwards() -> None:
    active_jobs = ActiveJobs()
    before = active_jobs.snapshot()
    active_jobs.add([active_job()])
    assert before == {}


def test_removing_an_old_attempt_leaves_the_new_one() -> None:
    active_jobs = ActiveJobs()
    old, new = active_job(attempt=1), active_job(attempt=2)
    active_jobs.add([old, new])
    active_jobs.remove(old)
    assert list(active_jobs.snapshot()) == [new.claim]


def test_the_last_removal_can_be_awaited() -> None:
    active_jobs, job = ActiveJobs(), active_job()
    active_jobs.add([job])
    assert not active_jobs.wait_until_empty(0.01)
    threading.Timer(0.05, active_jobs.remove, [job]).start()
    assert active_jobs.wait_until_empty(10)


def test_a_job_is_overdue_once_its_deadline_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    job = active_job(deadline=60)
    job.enter_device()
    assert not job.is_overdue
    later = time.monotonic() + 60.1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert job.is_overdue


def test_a_job_that_waits_for_the_device_is_not_overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    job = active_job(deadline=60)
    later = time.monotonic() + 60.1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert not job.is_overdue


@pytest.mark.parametrize(
    ("deadline", "slowdown", "longest", "effective"),
    [(120, 2.5, 900, 300), (120, 10, 900, 900), (120, 1, 900, 120), (1200, 3, 900, 1200)],
)
def test_a_deadline_is_longer_where_the_model_is_served_slowly(
    deadline: float, slowdown: float, longest: float, effective: float
) -> None:
    row = Job(id="job_1", attempt=1, deadline_seconds=deadline)
    job = ActiveJob(row, slowdown=slowdown, longest_seconds=longest)
    assert job.deadline_seconds == effective
    assert job.overrun_seconds == -effective
    job.enter_device()
    assert job.overrun_seconds == pytest.approx(-effective, abs=5)
