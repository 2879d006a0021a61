"""Operators' searches: what they find, and the indexes that lead there among any number."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from db.core.base import new_id
from db.core.session import Database
from db.jobs.finish import expired_job_ids, expired_lease_ids
from db.jobs.queries import running_by_worker
from db.jobs.search import JobSearch, error_codes, search
from db.values.job_state import JobState
from tests.support.jobs import BROKEN, VARIANT, add_tenant, cancel, fail, running, sql, submit

NOW = datetime.now(UTC)


def ids(database: Database, sought: JobSearch, before_id: str | None = None) -> list[str]:
    """The jobs on a page of two."""
    with database.transaction() as session:
        return [row.job.id for row in search(session, sought, before_id=before_id, limit=2)]


def test_pages_of_a_tenants_model_go_on_where_the_last_one_ended(database: Database) -> None:
    first, second = add_tenant(database), add_tenant(database)
    own = [submit(database, first) for _ in range(3)]
    submit(database, second)
    for sought in (JobSearch(tenant_id=first), JobSearch(tenant_id=first, variant=VARIANT)):
        assert ids(database, sought) == own[:0:-1]
        assert ids(database, sought, before_id=own[1]) == [own[0]]
    assert len(ids(database, JobSearch(variant=VARIANT))) == 2
    assert ids(database, JobSearch(tenant_id=first, variant="no-such-model")) == []


def test_a_time_bounds_the_submission_even_where_clocks_differ_a_little(
    database: Database, tenant_id: str
) -> None:
    old, new = submit(database, tenant_id), submit(database, tenant_id)
    sql(
        database,
        "UPDATE jobs SET created_at = created_at - interval '10 min' WHERE id = :id RETURNING id",
        id=old,
    )
    between = datetime.now(UTC) - timedelta(minutes=5)  # of this moment: the suite takes longer
    assert ids(database, JobSearch(created_after=between)) == [new]
    assert ids(database, JobSearch(created_before=between)) == [old]


def test_the_codes_that_jobs_failed_with_are_each_named_once(
    database: Database, tenant_id: str
) -> None:
    with database.transaction() as session:
        assert error_codes(session) == []
    for _ in range(2):
        assert fail(database, running(database, tenant_id))
    assert cancel(database, submit(database, tenant_id))
    with database.transaction() as session:
        assert error_codes(session) == [BROKEN.code]


def searching(sought: JobSearch) -> Callable[[Session], Any]:
    return lambda session: search(session, sought, before_id=new_id("job"), limit=50)


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (searching(JobSearch(variant="a")), "ix_jobs_variant_newest"),
        (searching(JobSearch(tenant_id="a")), "ix_jobs_tenant_newest"),
        (searching(JobSearch(state=JobState.CANCELED)), "ix_jobs_given_up"),
        (searching(JobSearch(error_code="a")), "ix_jobs_failed"),
        (
            searching(JobSearch(variant="a", state=JobState.FAILED)),
            "ix_jobs_failed_variant",
        ),
        (searching(JobSearch(created_before=NOW)), "pk_jobs"),
        (running_by_worker, "ix_jobs_leases"),
        (lambda session: expired_lease_ids(session, limit=9), "ix_jobs_leases"),
        (lambda session: expired_job_ids(session, limit=9), "ix_jobs_expiry"),
    ],
)
def test_an_index_leads_to_what_is_asked_for_whatever_the_values(
    database: Database, ask: Callable[[Session], Any], index: str
) -> None:
    with database.transaction() as session:
        # A table of a few rows is read whole unless that is made dear.
        session.execute(text("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"))
        (plan,) = plans(session, ask)
    assert index in plan
    assert "Seq Scan on jobs" not in plan


def plans(session: Session, ask: Callable[[Session], Any]) -> list[str]:
    """The plans of the statements of a call."""
    told: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        told.append((statement, values))

    connection = session.connection()
    event.listen(connection, "before_cursor_execute", note)
    ask(session)
    event.remove(connection, "before_cursor_execute", note)
    return [
        "\n".join(
            line for (line,) in connection.exec_driver_sql(f"EXPLAIN {statement}", values).all()
        )
        for statement, values in told
    ]
