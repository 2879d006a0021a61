"""A suspect, a job whose last attempt lost its worker, runs alone: it could harm others."""

import threading

from db.jobs.claim import claim_jobs
from db.jobs.types import SuspectAtHead
from tests.support.adapters import Gate
from tests.support.jobs import VARIANT, claim, found, lose_lease, rescue, state, submit_many
from tests.support.station import FLUX, Station
from tests.support.waiting import await_true


def lose_worker(station: Station, *job_ids: str) -> None:
    """Let the worker of running jobs be lost."""
    for job_id in job_ids:
        lose_lease(station.database, job_id)
        assert rescue(station.database, job_id)


def claim_beside_others(station: Station) -> tuple[list[str], bool]:
    """The claim of a worker that runs other jobs, and true when a suspect is at the head."""
    with station.database.autocommit() as session:
        held = claim_jobs(
            session, variant=VARIANT, worker_id="wrk_2", lease_seconds=60, suspects=False
        )
        if isinstance(held, SuspectAtHead):
            return [], True
        return [row.id for row in held.jobs], False


def test_suspects_come_one_by_one_and_only_to_who_has_nothing_else(
    station: Station, tenant_id: str
) -> None:
    ids = submit_many(station.database, tenant_id, 2, batch_key="same", batch_limit=8)
    assert claim_beside_others(station) == (ids, False)
    lose_worker(station, *ids)
    later = submit_many(station.database, tenant_id, 2, batch_key="same", batch_limit=8)
    assert claim_beside_others(station) == ([], True)
    assert [[job.id for job in claim(station.database)] for _ in range(3)] == [
        ids[:1],
        ids[1:],
        later,
    ]
    assert claim_beside_others(station) == ([], False)


def test_a_worker_runs_a_suspect_when_all_else_is_out_of_its_hands(
    station: Station, tenant_id: str
) -> None:
    suspect = station.submit(tenant_id)
    claim(station.database)
    gate, executor = Gate(), station.executor()
    other = station.submit(tenant_id)
    station.adapter.script[:] = [gate]
    answers = [threading.Thread(target=executor.run_batch, args=(FLUX,)) for _ in range(2)]
    answers[0].start()
    assert gate.entered.wait(10)
    lose_worker(station, suspect)
    answers[1].start()
    assert await_true(lambda: executor._lock._exclusive_waiters == 1)
    assert [str(state(station.database, job_id)) for job_id in (suspect, other)] == [
        "queued",
        "running",
    ]
    gate.opened.set()
    for answer in answers:
        answer.join(10)
    assert [found(station.database, job_id).attempt for job_id in (suspect, other)] == [2, 1]
    assert {str(state(station.database, job_id)) for job_id in (suspect, other)} == {"succeeded"}
