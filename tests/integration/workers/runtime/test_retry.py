"""Retries of transient failures, and jobs that a stopping worker hands back."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from db.jobs.finish import hand_back_job
from db.jobs.queries import artifacts_of, was_completed
from db.jobs.types import Claim
from db.storage.local import LocalStore
from db.storage.object_store import StoreUnavailableError
from tests.support.adapters import Gate
from tests.support.databases import DatabaseMaker
from tests.support.faulty_store import FaultyStore
from tests.support.jobs import complete, counts, fence_of, found, running, state
from tests.support.station import Station
from tests.support.waiting import at_once


@pytest.fixture
def patient(station: Station) -> Station:
    return replace(station, settings=station.settings.model_copy(update={"patience_seconds": 20}))


def test_a_store_that_comes_back_costs_no_attempt(
    patient: Station, store: LocalStore, tenant_id: str
) -> None:
    job_id = patient.submit(tenant_id)
    faulty = FaultyStore(store, StoreUnavailableError("503"), StoreUnavailableError("503"))
    replace(patient, store=faulty).run_batch()
    assert faulty.errors == []
    assert found(patient.database, job_id).attempt == 1
    assert state(patient.database, job_id) == "succeeded"
    assert counts(patient.database, "usage_events", "artifacts") == [1, 1]


def test_a_completion_whose_answer_was_lost_is_no_lost_race(
    patient: Station, tenant_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = patient.submit(tenant_id)
    executor = patient.executor()
    honest = executor._stages.results._write
    answers: list[set[Claim]] = []

    def deaf(*arguments: Any) -> set[Claim]:
        answers.append(honest(*arguments))
        if len(answers) == 1:
            raise OperationalError("COMMIT", {}, Exception("the connection broke"))
        return answers[-1]

    monkeypatch.setattr(executor._stages.results, "_write", deaf)
    executor.run_batch("flux.1-demo")
    assert answers == [{Claim(job_id, 1)}, {Claim(job_id, 1)}]
    assert state(patient.database, job_id) == "succeeded"
    with patient.database.transaction() as session:
        (kept,) = artifacts_of(session, [job_id])[job_id]
    assert patient.store.head(kept.key).size_bytes == kept.bytes
    assert counts(patient.database, "usage_events") == [1]


def test_another_attempt_s_success_is_not_taken_for_one_s_own(
    station: Station, tenant_id: str
) -> None:
    held = running(station.database, tenant_id)
    later = replace(held, attempt=held.attempt + 1)
    assert complete(station.database, held)
    with station.database.transaction() as session:
        assert was_completed(session, held)
        assert not was_completed(session, later)


def test_what_a_stopping_worker_hands_back_is_queued_at_once(
    station: Station, tenant_id: str
) -> None:
    job_id, gate, executor = station.submit(tenant_id), Gate(), station.executor()
    station.adapter.script[:] = [gate]

    def drain() -> None:
        assert gate.entered.wait(10)
        executor.hand_back()

    at_once([lambda: executor.run_batch("flux.1-demo"), drain])
    job = found(station.database, job_id)
    assert (job.state, job.attempt, job.max_attempts) == ("queued", 1, 4)
    assert counts(station.database, "usage_events", "artifacts") == [0, 0]
    station.run_batch()
    assert state(station.database, job_id) == "succeeded"


def test_without_the_database_a_stopping_worker_still_lets_go(
    station: Station, tenant_id: str, database_maker: DatabaseMaker, database_url: str
) -> None:
    station.submit(tenant_id)
    executor, gate = station.executor(), Gate()
    station.adapter.script[:] = [gate]

    def drain() -> None:
        assert gate.entered.wait(10)
        with database_maker.away(database_url):
            executor.hand_back()

    at_once([lambda: executor.run_batch("flux.1-demo"), drain])
    assert station.active_jobs.snapshot() == {}
    assert counts(station.database, "usage_events", "artifacts") == [0, 0]


def test_an_attempt_that_is_no_longer_ours_cannot_be_handed_back(
    station: Station, tenant_id: str
) -> None:
    held = running(station.database, tenant_id)
    complete(station.database, held)
    with station.database.transaction() as session:
        assert not hand_back_job(session, held)
    assert fence_of(found(station.database, held.job_id)) == held
