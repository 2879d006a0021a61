"""A tenant's jobs by their metadata: what is found, in which order, and by which reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from db.core.session import Database
from db.jobs import queries
from db.jobs.queries import JobFilter, list_jobs
from db.values.job_state import JobState
from tests.support.jobs import add_tenant, cancel, found, sql, submit

Entries = dict[str, str]


def ids(database: Database, tenant_id: str, metadata: Entries, **more: Any) -> list[str]:
    """The ids of a page."""
    limit = more.pop("limit", 100)
    with database.transaction() as session:
        criteria = JobFilter(metadata=metadata, **more)
        return [job.id for job in list_jobs(session, tenant_id, criteria, limit=limit)]


def make(database: Database, tenant_id: str, *entries: Entries) -> list[str]:
    return [submit(database, tenant_id, metadata=each) for each in entries]


@pytest.fixture(params=[2, 0])
def walked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Jobs that are read before the index leads on: some or none."""
    monkeypatch.setattr(queries, "_WALKED", request.param)
    return int(request.param)


@pytest.mark.usefixtures("walked")
def test_all_entries_must_match_exactly(database: Database, tenant_id: str) -> None:
    one, two, three, _ = make(
        database,
        tenant_id,
        {"order": "17", "colour": "red"},
        {"order": "17"},
        {"order": "18", "colour": "red"},
        {},
    )
    assert ids(database, tenant_id, {"order": "17"}) == [two, one]
    assert ids(database, tenant_id, {"colour": "red"}) == [three, one]
    assert ids(database, tenant_id, {"order": "17", "colour": "red"}) == [one]
    for none in ({"order": "1"}, {"Order": "17"}, {"order": ""}, {"17": "order"}):
        assert ids(database, tenant_id, none) == []


@pytest.mark.usefixtures("walked")
def test_jobs_of_others_are_not_found(database: Database, tenant_id: str) -> None:
    entry = {"order": "17"}
    [own] = make(database, tenant_id, entry)
    other = add_tenant(database)
    [theirs] = make(database, other, entry)
    assert ids(database, tenant_id, entry) == [own]
    assert ids(database, other, entry) == [theirs]


@pytest.mark.usefixtures("walked")
def test_odd_text_is_found_as_it_was_sent(database: Database, tenant_id: str) -> None:
    odd = ["%", "'", '"', "\\", "a=b", "é", "𝄞", "{}", "null", " ", "$.x", "", "x" * 400]
    jobs = dict(zip(odd, make(database, tenant_id, *({"k": value} for value in odd)), strict=True))
    for value, job_id in jobs.items():
        assert ids(database, tenant_id, {"k": value}) == [job_id], value
    named = dict(zip(odd, make(database, tenant_id, *({name: "v"} for name in odd)), strict=True))
    for name, job_id in named.items():
        assert ids(database, tenant_id, {name: "v"}) == [job_id], name


@pytest.mark.usefixtures("walked")
def test_pages_and_other_conditions_hold(database: Database, tenant_id: str) -> None:
    entry = {"order": "17"}
    jobs = make(database, tenant_id, *[entry, {}] * 5)[::2]
    pages, before = [], None
    while page := ids(database, tenant_id, entry, before_id=before, limit=2):
        pages += page
        before = page[-1]
    assert pages == jobs[::-1]
    assert cancel(database, jobs[0])
    assert cancel(database, jobs[4])
    states = {"states": [JobState.CANCELED, JobState.FAILED]}
    assert ids(database, tenant_id, entry, **states) == [jobs[4], jobs[0]]
    assert ids(database, tenant_id, entry, variant="none") == []
    middle = found(database, jobs[2]).created_at
    assert ids(database, tenant_id, entry, created_after=middle) == jobs[:2:-1]
    assert ids(database, tenant_id, entry, created_before=middle) == jobs[1::-1]
    late = middle + timedelta(days=1)
    assert ids(database, tenant_id, entry, created_after=late) == []


@contextmanager
def explained(session: Session) -> Iterator[list[str]]:
    """The plans of the statements within the block, as they were executed."""
    told: list[tuple[str, Any]] = []
    plans: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        told.append((statement, values))

    connection = session.connection()
    event.listen(connection, "before_cursor_execute", note)
    yield plans
    event.remove(connection, "before_cursor_execute", note)
    for statement, values in told:
        lines = connection.exec_driver_sql(f"EXPLAIN {statement}", values).scalars()
        plans.append("\n".join(lines))


def test_the_last_jobs_are_walked_and_the_index_of_metadata_finds_older_ones(
    database: Database, owner_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "_WALKED", 50)
    busy, quiet = add_tenant(database), add_tenant(database)
    for tenant_id, count in ((busy, 3000), (quiet, 30)):
        [job_id] = make(database, tenant_id, {"app": "web", "order": "0"})
        sql(
            owner_database,
            "INSERT INTO jobs SELECT (jsonb_populate_record(jobs, jsonb_build_object('id', "
            "left(id, 20) || lpad(n::text, 10, '0'), 'state', 'canceled', 'finished_at', now(), "
            "'metadata', jsonb_build_object('app', 'web', 'order', n::text)))).* "
            "FROM jobs, generate_series(1, :count) n WHERE id = :id",
            id=job_id,
            count=count,
        )
    sql(owner_database, "ANALYZE jobs")

    def plans(tenant_id: str, entries: Entries, expected: int) -> list[str]:
        with database.transaction() as session, explained(session) as told:
            page = list_jobs(session, tenant_id, JobFilter(metadata=entries), limit=20)
            assert len(page) == expected
        return told

    for common in (plans(busy, {"app": "web"}, 20), plans(quiet, {"app": "web"}, 20)):
        assert not any("ix_jobs_metadata" in plan for plan in common), common
        assert not any("Seq Scan on jobs" in plan for plan in common), common
    assert not any("ix_jobs_metadata" in plan for plan in plans(quiet, {"order": "none"}, 0))
    rare = plans(busy, {"order": "7"}, 1)
    assert "ix_jobs_metadata" in rare[-2], rare
    assert "pk_jobs" in rare[-1], rare
