"""Resume points: written under the fence of an attempt, deleted with its job."""

import pytest

from db.artifacts import retention
from db.core.session import Database
from db.jobs import resume_points as attempt_notes
from db.jobs.types import Claim
from tests.support.adapters import paint, raising
from tests.support.databases import DatabaseMaker
from tests.support.jobs import cancel, complete, counts, running, sql, state
from tests.support.station import Station
from workers.adapters.protocol import Output, Report, ShouldStop, Work
from workers.runtime.resume_point import StoredResumePoint


def write(database: Database, held: Claim, text: str) -> bool:
    """Leave a note."""
    with database.transaction() as session:
        return attempt_notes.write(session, held, text)


def read(database: Database, job_id: str) -> str | None:
    """The job's note."""
    with database.transaction() as session:
        return attempt_notes.read(session, job_id)


def test_the_last_note_stays(database: Database, tenant_id: str) -> None:
    held = running(database, tenant_id)
    assert read(database, held.job_id) is None
    assert write(database, held, "first")
    assert write(database, held, "second")
    assert read(database, held.job_id) == "second"


def test_who_has_lost_the_job_leaves_none(database: Database, tenant_id: str) -> None:
    held = running(database, tenant_id)
    write(database, held, "ours")
    assert not write(database, Claim(held.job_id, held.attempt + 1), "theirs")
    cancel(database, held.job_id)
    assert not write(database, held, "late")
    assert read(database, held.job_id) == "ours"


def test_it_goes_with_its_job(database: Database, tenant_id: str) -> None:
    held = running(database, tenant_id)
    write(database, held, "x")
    complete(database, held)
    with database.transaction() as session:
        assert retention.delete_old_jobs(session, older_than_seconds=-1, limit=10) == 1
    assert counts(database, "attempt_notes") == [0]


def test_the_second_attempt_reads_what_the_first_wrote(station: Station, tenant_id: str) -> None:
    job_id = station.submit(tenant_id)
    seen: list[str | None] = []

    def note_and(
        works: list[Work], report: Report, should_stop: ShouldStop, *, fail: bool
    ) -> list[Output]:
        seen.append(works[0].resume_point.read())
        works[0].resume_point.write(f"after {seen}")
        return (raising(RuntimeError()) if fail else paint)(works, report, should_stop)

    station.run_batch(lambda *a: note_and(*a, fail=True))  # type: ignore[arg-type]
    sql(station.database, "UPDATE jobs SET available_at = now()")
    station.run_batch(lambda *a: note_and(*a, fail=False))  # type: ignore[arg-type]
    assert seen == [None, "after [None]"]
    assert state(station.database, job_id) == "succeeded"


def test_a_database_that_is_away_loses_the_note_and_nothing_else(
    database: Database,
    database_maker: DatabaseMaker,
    database_url: str,
    tenant_id: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    held = running(database, tenant_id)
    note = StoredResumePoint(database, held)
    with database_maker.away(database_url):
        note.write("a secret")
    assert read(database, held.job_id) is None
    said = capsys.readouterr().out
    assert "note_lost" in said
    assert "a secret" not in said
