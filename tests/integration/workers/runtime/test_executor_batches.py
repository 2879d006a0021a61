"""Batches that are settled together, and jobs that a claim leaves for other workers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from db.jobs.complete import complete_jobs
from db.jobs.types import Claim, Result
from tests.support.adapters import Behaviour
from tests.support.jobs import cancel, counts, found, state
from tests.support.station import FLORENCE2, FLUX, Station, and_then, await_events, picture
from workers.adapters.protocol import Output, Report, ShouldStop, Work


def look(*answers: object) -> Behaviour:
    """A behaviour that returns one of these answers per job."""

    def behave(batch: Sequence[Work], report: Report, _should_stop: ShouldStop) -> list[Output]:
        report(1, 1)
        assert len(batch) == len(answers)
        return [Output(data={"answer": words}) for words in answers]

    return behave


def test_answers_without_pictures_are_completed_together(
    station: Station, tenant_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [station.submit(tenant_id, FLORENCE2, image="inputs/x") for _ in range(3)]
    station.store.put("inputs/x", picture(), "image/png")
    entered: list[int] = []
    honest = complete_jobs

    def counted(session: Session, results: Mapping[Claim, Result], **how: Any) -> set[Claim]:
        entered.append(len(results))
        return honest(session, results, **how)

    monkeypatch.setattr("workers.runtime.results.complete_jobs", counted)
    meanwhile = and_then(look("a", "b", "c"), lambda: cancel(station.database, ids[1]))
    assert station.run_batch(meanwhile, variant=FLORENCE2) == 3
    assert entered == [3]
    states = [str(state(station.database, job_id)) for job_id in ids]
    assert states == ["succeeded", "canceled", "succeeded"]
    assert [found(station.database, ids[n]).output for n in (0, 2)] == [
        {"answer": "a"},
        {"answer": "c"},
    ]
    assert await_events(station, ids[2], "succeeded")[-1] == ("done", "succeeded")
    assert station.active_jobs.snapshot() == {}


def test_a_claim_that_leaves_others_tells_so_before_the_model_runs(
    station: Station, tenant_id: str
) -> None:
    backlogs: list[str] = []
    for steps in (1, 2, 3):  # jobs with different steps share no batch
        station.submit(tenant_id, steps=steps)
    executor = replace(station, on_backlog=backlogs.append).executor()
    seen = [(executor.run_batch(FLUX), len(backlogs)) for _ in range(4)]
    assert seen == [(True, 1), (True, 2), (False, 2), (False, 2)]


def test_an_answer_that_no_row_can_hold_costs_its_mates_nothing(
    station: Station, tenant_id: str
) -> None:
    ids = [station.submit(tenant_id, FLORENCE2, image="inputs/x") for _ in range(3)]
    station.store.put("inputs/x", picture(), "image/png")
    station.run_batch(look("a", "no \0 here", "c"), variant=FLORENCE2)
    states = [str(state(station.database, job_id)) for job_id in ids]
    assert states == ["succeeded", "queued", "succeeded"]
    assert counts(station.database, "usage_events") == [2]
