"""Canceled work: the tier's rule decides, and an allowance gains nothing by rounding."""

from datetime import UTC, datetime

import pytest

from db.core.session import Database
from db.jobs.types import Claim
from db.values.cancel_charge import MICRO
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
    fence_of,
    found,
    lose_lease,
    progress,
    rescue,
    retry,
    running,
    sql,
    state,
    stored,
    submit,
    submit_many,
)
from tests.support.waiting import at_once

STEPS = 50


def rate(units: int, step: int) -> int:
    """The charge of a balance for a job of one price a unit."""
    return units * PRICE * step // STEPS


def used(database: Database, tenant_id: str) -> int:
    """Millionths of units that canceled work has used, with what is left over."""
    [(units, rest)] = sql(
        database,
        "SELECT sum(used), sum(remainder_micro_units) FROM allowances WHERE tenant_id = :id",
        id=tenant_id,
    )
    return int(units) * MICRO + int(rest)


def ran(database: Database, tenant_id: str, step: int, **changes: object) -> Claim:
    """A running job whose progress is durable."""
    held = running(database, tenant_id, **changes)
    progress(database, held, step, STEPS)
    return held


def test_a_balance_pays_the_steps_that_ran_at_each_of_fifty(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=0, credit_micros=1000 * PRICE)
    expected = 1000 * PRICE
    for step in range(STEPS + 1):
        held = ran(database, tenant_id, step, units=3, price_micros=3 * PRICE)
        assert cancel(database, held.job_id, tenant_id)
        expected -= rate(3, step)
        assert balance(database, tenant_id) == (expected, 0)
    assert_everything_holds(database)


def test_an_allowance_gains_nothing_by_rounding(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=100)
    total = 0
    for step in range(STEPS + 1):
        held = ran(database, tenant_id, step)
        assert cancel(database, held.job_id, tenant_id)
        total += MICRO * step // STEPS
        assert used(database, tenant_id) == total
    # 0 + 1 + … + 50 steps of 50 are 25.5 pictures: one by one each would have been rounded to none.
    assert total == int(25.5 * MICRO)
    assert allowance(database, tenant_id)[:2] == (25, 0)
    assert_everything_holds(database)


@pytest.mark.parametrize(
    ("rule", "charged"), [("nothing", 0), ("steps", rate(4, 44)), ("whole", 4 * PRICE)]
)
def test_the_tier_decides(database: Database, rule: str, charged: int) -> None:
    paying = add_tenant(database, images_per_month=0, credit_micros=9 * PRICE, cancel_charge=rule)
    held = ran(database, paying, 44, units=4, price_micros=4 * PRICE)
    assert cancel(database, held.job_id, paying)
    assert balance(database, paying) == (9 * PRICE - charged, 0)
    free = add_tenant(database, images_per_month=9, cancel_charge=rule)
    assert cancel(database, ran(database, free, 44, units=4).job_id, free)
    assert used(database, free) == {"nothing": 0, "steps": 3_520_000, "whole": 4_000_000}[rule]
    assert_everything_holds(database)


def test_a_queued_job_is_free(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=1)
    assert cancel(database, submit(database, tenant_id), tenant_id)
    assert used(database, tenant_id) == 0


def test_an_operators_cancellation_is_free(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=1)
    assert cancel(database, ran(database, tenant_id, 49).job_id, None)
    assert used(database, tenant_id) == 0
    assert_everything_holds(database)


def test_a_job_that_waits_for_another_attempt_is_free(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=3)
    failed_once = ran(database, tenant_id, 49)
    assert retry(database, failed_once, delay=60)
    assert cancel(database, failed_once.job_id, tenant_id)
    lost = ran(database, tenant_id, 49)
    lose_lease(database, lost.job_id)
    assert rescue(database, lost.job_id)
    assert cancel(database, lost.job_id, tenant_id)
    assert used(database, tenant_id) == 0
    assert_everything_holds(database)


def test_the_steps_of_a_former_attempt_do_not_count(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=1)
    first = ran(database, tenant_id, 49)
    assert retry(database, first)
    [job] = claim(database)
    assert cancel(database, job.id, tenant_id)
    assert (used(database, tenant_id), state(database, job.id)) == (0, JobState.CANCELED)
    assert_everything_holds(database)


def test_mates_of_a_batch_pay_each_for_themselves(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=9)
    submit_many(database, tenant_id, 3, batch_key="mates", batch_limit=3)
    mates = [fence_of(job) for job in claim(database)]
    assert len(mates) == 3
    for held, step in zip(mates, (10, 20, 30), strict=True):
        progress(database, held, step, STEPS)
    assert cancel(database, mates[0].job_id, tenant_id)
    assert cancel(database, mates[1].job_id, tenant_id)
    assert complete(database, mates[2], stored(mates[2]))
    assert used(database, tenant_id) == MICRO * 30 // STEPS + MICRO
    assert_everything_holds(database)


def test_a_second_cancellation_and_a_late_result_change_nothing(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=9)
    held = ran(database, tenant_id, 25)
    assert cancel(database, held.job_id, tenant_id)
    assert not cancel(database, held.job_id, tenant_id)
    assert not complete(database, held, stored(held))
    assert not retry(database, held)
    assert used(database, tenant_id) == MICRO // 2
    assert_everything_holds(database)


def test_a_result_and_a_cancellation_at_once_charge_once(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=0, credit_micros=100 * PRICE)
    for _ in range(20):
        held = ran(database, tenant_id, 25)

        def finish(held: Claim = held) -> bool:
            return complete(database, held, stored(held))

        def give_up(held: Claim = held) -> bool:
            return cancel(database, held.job_id, tenant_id)

        assert sum(at_once([finish, give_up, give_up])) == 1
    done = sql(database, "SELECT count(*) FROM jobs WHERE state = 'succeeded'")[0][0]
    expected = 100 * PRICE - done * PRICE - (20 - done) * (PRICE // 2)
    assert balance(database, tenant_id) == (expected, 0)
    assert_everything_holds(database)


def test_many_cancellations_at_once_add_up(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=100)
    steps = [7 * n % (STEPS + 1) for n in range(24)]
    helds = [ran(database, tenant_id, step, variant=f"v{n}") for n, step in enumerate(steps)]

    def give_up(held: Claim) -> bool:
        return cancel(database, held.job_id, tenant_id)

    assert all(at_once([lambda held=held: give_up(held) for held in helds]))
    assert used(database, tenant_id) == sum(MICRO * step // STEPS for step in steps)
    assert_everything_holds(database)


def test_the_row_keeps_when_it_was_canceled(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=1)
    held = ran(database, tenant_id, 25)
    assert cancel(database, held.job_id, tenant_id)
    row = found(database, held.job_id)
    assert row.finished_at is not None
    assert row.finished_at <= datetime.now(UTC)
    assert row.cancel_requested_at is None
