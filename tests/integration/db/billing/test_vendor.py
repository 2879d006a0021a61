"""The operator's spend at the vendor: limited a day, held, spent once, given back once."""

from datetime import UTC, datetime

import pytest

from db.billing.holds import InsufficientCreditError
from db.billing.vendor import Spend, VendorLimitError, spend_today
from db.core.session import Database
from db.jobs import resume_points
from db.jobs.types import Claim, ModelNotInTierError
from db.values.job_state import JobState
from tests.support.jobs import (
    PRICE,
    add_tenant,
    allowance,
    assert_everything_holds,
    balance,
    cancel,
    claim,
    complete,
    fail,
    fence_of,
    found,
    lose_lease,
    rescue,
    retry,
    running,
    sql,
    state,
    stored,
    submit,
)
from tests.support.waiting import at_once

HOSTED = "hosted-model"
COST = 700


def paying(database: Database, **tier: object) -> str:
    return add_tenant(database, credit_micros=100 * PRICE, **tier)


def ask(database: Database, tenant_id: str, limit: int | None = None) -> str:
    changes = {"variant": HOSTED, "vendor_micros": COST, "vendor_limit_micros": limit}
    return submit(database, tenant_id, **changes)


def at_the_vendor(database: Database, tenant_id: str) -> Claim:
    """A running hosted job whose task is noted."""
    held = running(database, tenant_id, variant=HOSTED, vendor_micros=COST)
    assert begin(database, held)
    with database.transaction() as session:
        assert resume_points.write(session, held, "task 1")
    return held


def begin(database: Database, held: Claim) -> bool:
    with database.transaction() as session:
        return resume_points.begin_task(session, held)


def drop(database: Database, held: Claim) -> None:
    with database.transaction() as session:
        resume_points.drop_task(session, held)


def spend(database: Database) -> Spend:
    with database.transaction(durable=False) as session:
        return spend_today(session)


def test_a_task_is_held_and_then_spent(database: Database) -> None:
    tenant_id = paying(database)
    held = at_the_vendor(database, tenant_id)
    assert spend(database) == Spend(COST, 0)
    assert complete(database, held, stored(held))
    assert spend(database) == Spend(0, COST)
    assert balance(database, tenant_id) == (99 * PRICE, 0)
    assert sql(database, "SELECT vendor_micros FROM usage_events") == [(COST,)]
    assert_everything_holds(database)


@pytest.mark.parametrize("tasks", [0, 1, 3])
def test_a_job_without_a_result_costs_its_tasks(database: Database, tasks: int) -> None:
    tenant_id = paying(database)
    held = running(database, tenant_id, variant=HOSTED, vendor_micros=COST)
    assert all(begin(database, held) for _ in range(tasks))
    assert fail(database, held)
    assert spend(database) == Spend(0, tasks * COST)
    assert balance(database, tenant_id) == (100 * PRICE, 0)
    assert_everything_holds(database)


def test_a_task_that_the_vendor_refused_costs_nothing(database: Database) -> None:
    held = at_the_vendor(database, paying(database))
    drop(database, held)
    assert fail(database, held)
    assert spend(database) == Spend(0, 0)


def test_the_limit_of_a_day_is_exact_among_many_at_once(database: Database) -> None:
    tenant_id = paying(database, max_in_flight=100)

    def one() -> bool:
        try:
            ask(database, tenant_id, limit=10 * COST + COST // 2)
        except VendorLimitError:
            return False
        return True

    assert sum(at_once([one] * 24)) == 10
    assert spend(database) == Spend(10 * COST, 0)
    assert found(database, sql(database, "SELECT id FROM jobs LIMIT 1")[0][0]).vendor_micros == COST
    assert_everything_holds(database)


def test_a_refused_job_leaves_nothing_behind(database: Database) -> None:
    tenant_id = paying(database)
    with pytest.raises(VendorLimitError) as caught:
        ask(database, tenant_id, limit=COST - 1)
    assert caught.value.resets_at > datetime.now(UTC)
    assert balance(database, tenant_id) == (100 * PRICE, 0)
    assert sql(database, "SELECT count(*) FROM jobs") == [(0,)]
    assert_everything_holds(database)


def test_a_limit_counts_what_was_spent(database: Database) -> None:
    tenant_id = paying(database)
    held = at_the_vendor(database, tenant_id)
    assert complete(database, held)
    with pytest.raises(VendorLimitError):
        ask(database, tenant_id, limit=2 * COST - 1)
    assert ask(database, tenant_id, limit=2 * COST)


def test_an_allowance_covers_no_hosted_model_unless_its_tier_says_so(database: Database) -> None:
    with pytest.raises(InsufficientCreditError, match="does not cover this model"):
        ask(database, add_tenant(database, images_per_month=9))
    named = add_tenant(database, images_per_month=9, allowance_models=[HOSTED])
    assert found(database, ask(database, named)).covered_by == "allowance"
    assert found(database, ask(database, paying(database, images_per_month=9))).covered_by == (
        "balance"
    )
    with pytest.raises(InsufficientCreditError):
        submit(database, named)  # a model of our own, which that tier's allowance does not name
    assert_everything_holds(database)


@pytest.mark.parametrize("credit", [0, 100])
def test_a_tier_names_the_models_that_may_be_used(database: Database, credit: int) -> None:
    tenant_id = add_tenant(database, credit_micros=credit * PRICE, models=["a", "b"])
    for variant in ("a", "b"):
        assert submit(database, tenant_id, variant=variant)
    with pytest.raises(ModelNotInTierError, match="does not include c; it includes a, b"):
        submit(database, tenant_id, variant="c")
    assert_everything_holds(database)


class TestCanceledByItsOwner:
    """A hosted job is settled only if the vendor delivered."""

    def test_it_goes_on_and_is_charged_when_it_is_delivered(self, database: Database) -> None:
        tenant_id = paying(database)
        held = at_the_vendor(database, tenant_id)
        assert cancel(database, held.job_id, tenant_id)
        row = found(database, held.job_id)
        assert (row.state, row.cancel_requested_at is None) == (JobState.RUNNING, False)
        assert balance(database, tenant_id) == (100 * PRICE, PRICE)
        assert complete(database, held, stored(held))
        assert state(database, held.job_id) == JobState.SUCCEEDED
        assert balance(database, tenant_id) == (99 * PRICE, 0)
        assert_everything_holds(database)

    def test_it_is_canceled_and_free_when_nothing_comes(self, database: Database) -> None:
        tenant_id = paying(database)
        held = at_the_vendor(database, tenant_id)
        assert cancel(database, held.job_id, tenant_id)
        assert cancel(database, held.job_id, tenant_id)
        assert fail(database, held)
        assert state(database, held.job_id) == JobState.CANCELED
        assert balance(database, tenant_id) == (100 * PRICE, 0)
        assert_everything_holds(database)

    def test_no_task_is_submitted_after_it(self, database: Database) -> None:
        tenant_id = paying(database)
        held = running(database, tenant_id, variant=HOSTED, vendor_micros=COST)
        assert cancel(database, held.job_id, tenant_id)
        assert not begin(database, held)
        assert fail(database, held)
        assert spend(database) == Spend(0, 0)

    def test_the_next_attempt_still_waits_for_the_task(self, database: Database) -> None:
        tenant_id = paying(database)
        held = at_the_vendor(database, tenant_id)
        assert retry(database, held)
        assert cancel(database, held.job_id, tenant_id)
        assert state(database, held.job_id) == JobState.QUEUED
        [job] = claim(database, HOSTED)
        assert complete(database, fence_of(job), stored(fence_of(job)))
        assert balance(database, tenant_id) == (99 * PRICE, 0)
        assert_everything_holds(database)

    def test_a_queued_one_without_a_task_is_canceled_at_once(self, database: Database) -> None:
        tenant_id = paying(database)
        job_id = ask(database, tenant_id)
        assert cancel(database, job_id, tenant_id)
        assert state(database, job_id) == JobState.CANCELED
        assert spend(database) == Spend(0, 0)
        assert_everything_holds(database)

    def test_workers_that_die_end_it_as_canceled(self, database: Database) -> None:
        tenant_id = paying(database)
        held = at_the_vendor(database, tenant_id)
        assert cancel(database, held.job_id, tenant_id)
        for _ in range(found(database, held.job_id).max_attempts):
            lose_lease(database, held.job_id)
            assert rescue(database, held.job_id)
            claim(database, HOSTED)
        assert state(database, held.job_id) == JobState.CANCELED
        assert spend(database) == Spend(0, COST)
        assert balance(database, tenant_id) == (100 * PRICE, 0)
        assert_everything_holds(database)

    def test_an_operator_ends_it_at_once_and_for_free(self, database: Database) -> None:
        tenant_id = paying(database)
        held = at_the_vendor(database, tenant_id)
        assert cancel(database, held.job_id, None)
        assert state(database, held.job_id) == JobState.CANCELED
        assert (balance(database, tenant_id), spend(database)) == ((100 * PRICE, 0), Spend(0, COST))
        assert_everything_holds(database)


def test_the_allowance_is_not_touched_by_a_hosted_job(database: Database) -> None:
    tenant_id = paying(database, images_per_month=5)
    held = at_the_vendor(database, tenant_id)
    assert complete(database, held)
    assert allowance(database, tenant_id)[:2] == (0, 0)
