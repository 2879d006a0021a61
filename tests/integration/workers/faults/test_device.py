"""A device that fails for good: only the attempts of the batch on it count."""

import threading
from collections.abc import Sequence

from tests.support.adapters import Behaviour, Gate
from tests.support.jobs import found, sql, state
from tests.support.station import FLUX, Station, run_and_count
from tests.support.waiting import await_true
from workers.adapters.protocol import DeviceLostError, Output, Report, ShouldStop, Work


def outcomes(station: Station, job_id: str) -> list[str]:
    """The outcomes of a job's attempts, in order."""
    query = "SELECT outcome FROM attempts WHERE job_id = :id ORDER BY number"
    return [outcome for (outcome,) in sql(station.database, query, id=job_id)]


def losing_after(gate: Gate) -> Behaviour:
    """A behaviour that waits for the gate, and then loses the device."""

    def behave(batch: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
        gate(batch, report, should_stop)
        raise DeviceLostError("cuda:0 failed in the middle of the job")

    return behave


def test_whoever_waits_for_a_lost_device_is_handed_back_and_nobody_else_is_claimed(
    station: Station, tenant_id: str
) -> None:
    gate, executor = Gate(), station.executor()
    station.adapter.script[:] = [losing_after(gate)]
    on_device = [station.submit(tenant_id), station.submit(tenant_id)]
    answers = [threading.Thread(target=executor.run_batch, args=(FLUX,)) for _ in range(2)]
    answers[0].start()
    assert gate.entered.wait(10)
    in_front = station.submit(tenant_id)
    answers[1].start()
    assert await_true(lambda: len(station.active_jobs.snapshot()) == 3)
    gate.opened.set()
    for answer in answers:
        answer.join(10)
    assert executor.device.has_failed
    assert [outcomes(station, job_id) for job_id in on_device] == [["worker_lost"]] * 2
    assert outcomes(station, in_front) == ["handed_back"]
    assert found(station.database, in_front).max_attempts == 4
    assert run_and_count(station, executor) == 0
    assert {str(state(station.database, job_id)) for job_id in [*on_device, in_front]} == {"queued"}
    assert len(station.adapter.batches) == 1


def test_a_job_that_lost_the_device_is_tried_again_without_mates(
    station: Station, tenant_id: str
) -> None:
    gate = Gate()
    gate.opened.set()
    ids = [station.submit(tenant_id), station.submit(tenant_id)]
    assert station.run_batch(losing_after(gate)) == 2
    sql(station.database, "UPDATE jobs SET available_at = now()")
    assert [station.run_batch(), station.run_batch()] == [1, 1]
    assert {str(state(station.database, job_id)) for job_id in ids} == {"succeeded"}


def test_a_job_that_loses_every_device_fails_as_one_that_kills_its_workers(
    station: Station, tenant_id: str
) -> None:
    gate = Gate()
    gate.opened.set()
    job_id = station.submit(tenant_id)
    for _ in range(3):
        assert station.run_batch(losing_after(gate)) == 1
        sql(station.database, "UPDATE jobs SET available_at = now() WHERE state = 'queued'")
    job = found(station.database, job_id)
    assert (job.state, job.error_code, job.error_retryable) == ("failed", "worker_lost", True)
    assert "failed in the middle" in (job.error_message or "")
