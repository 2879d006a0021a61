"""Operators' actions on a real database: each change is guarded, exact, and in the audit log."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from db.billing.holds import InsufficientCreditError
from db.core.session import Database
from db.jobs.finish import cancel_job
from db.jobs.search import JobSearch, search
from db.operators import actions as operator_actions
from db.operators import audit
from db.operators import jobs as operator_jobs
from db.operators.audit import Actor
from db.operators.jobs import BulkAction
from db.tenants import api_keys, tenants
from db.tenants import sessions as key_sessions
from db.tenants.tenants import TenantSuspendedError
from db.values.job_state import JobState
from tests.support.jobs import BROKEN, VARIANT, add_tenant, fail, found, running, sql, submit

ME = Actor("key_me", "me")


def log(database: Database) -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """The audit log, oldest first."""
    with database.transaction() as session:
        rows = audit.latest_entries(session, limit=50)
    return [(row.action, row.target, row.before, row.after) for row in rows[::-1]]


def failed_job(database: Database, tenant_id: str) -> str:
    """A job that has failed for good."""
    held = running(database, tenant_id)
    assert fail(database, held)
    return held.job_id


def test_a_cancel_is_logged_and_a_late_one_is_not(database: Database, tenant_id: str) -> None:
    job_id = submit(database, tenant_id)
    for expected in (True, False):
        with database.transaction() as session:
            assert (operator_jobs.cancel(session, ME, job_id) is not None) == expected
    canceled = ("job.cancel", job_id, {"state": "queued"}, {"state": "canceled"})
    assert log(database) == [canceled]


def test_a_failed_job_is_done_again_once_with_a_hold_of_its_own(
    database: Database, tenant_id: str
) -> None:
    job_id = failed_job(database, tenant_id)

    def retry(_n: int) -> str | None:
        with database.transaction() as session:
            accepted = operator_jobs.retry(session, ME, job_id)
            return accepted and accepted.job.id

    with ThreadPoolExecutor(4) as pool:
        made = [new_id for new_id in pool.map(retry, range(4)) if new_id]
    assert len(made) == 1
    again, first = found(database, made[0]), found(database, job_id)
    assert (again.state, first.state) == (JobState.QUEUED, JobState.FAILED)
    assert (again.input, again.price_micros) == (first.input, first.price_micros)
    with database.transaction() as session:
        assert operator_jobs.retried_as(session, job_id) == made[0]
    assert log(database) == [("job.retry", job_id, {}, {"retried_as": made[0]})]


def test_what_cannot_be_paid_is_not_done_again_and_leaves_no_trace(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=1)
    job_id = failed_job(database, tenant_id)
    submit(database, tenant_id)  # takes the last of the allowance
    with pytest.raises(InsufficientCreditError), database.transaction() as session:
        operator_jobs.retry(session, ME, job_id)
    assert log(database) == []
    with database.transaction() as session:
        assert operator_jobs.retried_as(session, job_id) is None


def test_an_action_reaches_exactly_what_was_counted(database: Database, tenant_id: str) -> None:
    other = add_tenant(database)
    own = sorted(submit(database, tenant_id) for _ in range(5))
    submit(database, other)
    sought = JobSearch(tenant_id=tenant_id)
    with database.transaction() as session:
        reach = operator_jobs.bulk_scope(session, BulkAction.CANCEL, sought)
    assert (reach.jobs, reach.price_micros, reach.last_id) == (5, 5_000, own[-1])
    late = submit(database, tenant_id)
    with database.transaction() as session:
        cancel_job(session, tenant_id=None, job_id=own[0])
    with database.transaction() as session:
        last = reach.last_id
        now = operator_jobs.bulk_scope(session, BulkAction.CANCEL, sought, last_id=last)
        first = operator_jobs.bulk_job_ids(
            session, BulkAction.CANCEL, sought, last_id=last, limit=2
        )
        rest = operator_jobs.bulk_job_ids(
            session, BulkAction.CANCEL, sought, last_id=last, limit=9, after_id=first[-1]
        )
    assert now.jobs == 4
    assert [*first, *rest] == own[1:]
    assert late not in rest


def test_a_retry_reaches_what_failed_and_was_not_done_again(
    database: Database, tenant_id: str
) -> None:
    failed = [failed_job(database, tenant_id) for _ in range(2)]
    with database.transaction() as session:
        operator_jobs.retry(session, ME, failed[0])
        reach = operator_jobs.bulk_scope(session, BulkAction.RETRY, JobSearch())
    assert (reach.jobs, reach.last_id) == (1, failed[1])


def test_jobs_are_found_by_every_filter_page_by_page(database: Database, tenant_id: str) -> None:
    job_id = failed_job(database, tenant_id)
    queued = sorted((submit(database, tenant_id) for _ in range(3)), reverse=True)
    with database.transaction() as session:

        def ids(sought: JobSearch, before_id: str | None = None, limit: int = 9) -> list[str]:
            rows = search(session, sought, before_id=before_id, limit=limit)
            assert {row.tenant_name for row in rows} <= {"someone"}
            return [row.job.id for row in rows]

        when = session.execute(text("SELECT now()")).scalar_one()
        assert ids(JobSearch(), limit=2) == queued[:2]
        assert ids(JobSearch(), before_id=queued[1]) == [queued[2], job_id]
        assert ids(JobSearch(state=JobState.FAILED)) == [job_id]
        assert ids(JobSearch(error_code=BROKEN.code, variant=VARIANT)) == [job_id]
        assert ids(JobSearch(tenant_id="ten_other")) == []
        assert ids(JobSearch(created_after=when)) == []
        assert len(ids(JobSearch(created_before=when))) == 4


SWITCHES = [
    ("pause_queue", "resume_queue", "queue.pause", "paused"),
    ("suspend_tenant", "resume_tenant", "tenant.suspend", "suspended"),
]


@pytest.mark.parametrize(("there", "back", "action", "name"), SWITCHES)
def test_switches_change_once_and_are_logged_once(
    database: Database, tenant_id: str, there: str, back: str, action: str, name: str
) -> None:
    target = VARIANT if "queue" in there else tenant_id
    for switch, expected in ((there, True), (there, False), (back, True), (back, False)):
        with database.transaction() as session:
            assert getattr(operator_actions, switch)(session, ME, target) is expected
    entries = log(database)
    assert entries[0] == (action, target, {name: False}, {name: True})
    assert [entry[3] for entry in entries] == [{name: True}, {name: False}]


def test_a_suspended_tenant_is_refused(database: Database, tenant_id: str) -> None:
    with database.transaction() as session:
        operator_actions.suspend_tenant(session, ME, tenant_id)
    with pytest.raises(TenantSuspendedError):
        submit(database, tenant_id)


def test_a_payment_is_credited_once_and_logged_with_its_reason(
    database: Database, tenant_id: str
) -> None:
    def credit(_n: int) -> bool:
        with database.transaction() as session:
            return operator_actions.credit(
                session,
                ME,
                tenant_id=tenant_id,
                amount_micros=5_000_000,
                reference="invoice 7",
                reason="prepaid",
            )

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(credit, range(4))) == [False, False, False, True]
    with database.transaction() as session:
        account = tenants.account(session, tenant_id)
    assert account is not None
    assert account.tenant.balance_micros == 5_000_000
    after = {"balance_micros": 5_000_000, "reference": "invoice 7", "reason": "prepaid"}
    assert log(database) == [("tenant.credit", tenant_id, {"balance_micros": 0}, after)]


def test_keys_are_made_and_revoked_for_their_tenant_alone(
    database: Database, tenant_id: str
) -> None:
    with database.transaction() as session:
        row, key = operator_actions.create_key(session, ME, tenant_id=tenant_id, name="new")
        assert api_keys.identify(session, key).tenant_id == tenant_id
        other = {"tenant_id": "ten_other", "key_id": row.id}
        assert not operator_actions.revoke_key(session, ME, **other)
        assert operator_actions.revoke_key(session, ME, tenant_id=tenant_id, key_id=row.id)
    assert [entry[0] for entry in log(database)] == ["key.create", "key.revoke"]
    assert key not in str(log(database))


def test_the_log_cannot_be_changed(database: Database, owner_database: Database) -> None:
    with database.transaction() as session:
        operator_actions.pause_queue(session, ME, VARIANT)
    for change in ("UPDATE audit_entries SET actor = 'x'", "DELETE FROM audit_entries"):
        with pytest.raises(DBAPIError, match="append-only"):
            sql(owner_database, change)
        with pytest.raises(DBAPIError, match="permission denied"):
            sql(database, change)


def _opened(session: Session, seconds: float) -> str:
    row, _ = api_keys.create(session, tenant_id=None, name="operator")
    return key_sessions.start(session, row.id, seconds=seconds)


def test_a_session_lasts_until_its_time_its_end_or_its_keys(database: Database) -> None:
    with database.transaction() as session:
        lasting, over = _opened(session, 60), _opened(session, -1)
        found_key = key_sessions.find_operator(session, lasting)
        assert found_key is not None
        assert key_sessions.find_operator(session, over) is None
        assert key_sessions.find_operator(session, "made up") is None
        key_sessions.end(session, lasting)
        assert key_sessions.find_operator(session, lasting) is None
        again = key_sessions.start(session, found_key.id, seconds=60)
        assert session.execute(text("SELECT count(*) FROM operator_sessions")).scalar_one() == 1
        api_keys.revoke(session, found_key.id)
        session.expire_all()
        assert key_sessions.find_operator(session, again) is None
