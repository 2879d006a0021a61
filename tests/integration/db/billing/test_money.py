"""Holds, settlements and limits: nobody gets more than is theirs, nobody pays twice."""

import random
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import IntegrityError

from db.billing import ledger
from db.billing.holds import InsufficientCreditError
from db.core.session import Database
from db.jobs.types import Claim, PriorityNotAllowedError, TooManyInFlightError
from db.tenants.tenants import TenantSuspendedError
from db.values.job_state import Priority
from db.values.pricing import UnitKind
from tests.support.jobs import (
    PRICE,
    add_tenant,
    allowance,
    balance,
    cancel,
    claim,
    complete,
    counts,
    expire,
    fail,
    fence_of,
    found,
    let_expire,
    lose_lease,
    rescue,
    retry,
    running,
    sql,
    stored,
    submit,
    submit_many,
)
from tests.support.waiting import at_once


def accepted(submission: Callable[[], object], refusal: type[Exception]) -> bool:
    """True when a submission was accepted, False when it was refused as expected."""
    try:
        submission()
    except refusal:
        return False
    return True


def test_many_submitters_at_once_get_exactly_the_allowance(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=100)

    def buy() -> int:
        return sum(
            accepted(lambda: submit(database, tenant_id), InsufficientCreditError) for _ in range(5)
        )

    assert sum(at_once([buy] * 32)) == 100
    assert allowance(database, tenant_id) == (0, 100)
    assert counts(database, "jobs", "holds") == [100, 100]


def test_many_submitters_at_once_get_exactly_the_balance(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=0, credit_micros=10 * PRICE + PRICE - 1)
    calls = [lambda: accepted(lambda: submit(database, tenant_id), InsufficientCreditError)] * 16
    assert sum(at_once(calls)) == 10
    assert balance(database, tenant_id) == (11 * PRICE - 1, 10 * PRICE)


def test_many_submitters_at_once_stay_within_the_limit_in_flight(database: Database) -> None:
    tenant_id = add_tenant(database, max_in_flight=10)
    calls = [lambda: accepted(lambda: submit(database, tenant_id), TooManyInFlightError)] * 16
    assert sum(at_once(calls)) == 10
    assert sql(database, "SELECT in_flight FROM tenants") == [(10,)]


def test_the_allowance_is_used_before_the_balance(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=2, credit_micros=5 * PRICE)
    ids = submit_many(database, tenant_id, 3)
    covered = [found(database, job_id).covered_by for job_id in ids]
    assert covered == ["allowance", "allowance", "balance"]
    assert allowance(database, tenant_id) == (0, 2)
    assert balance(database, tenant_id) == (5 * PRICE, PRICE)


def test_a_job_is_covered_wholly_by_one_or_wholly_by_the_other(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=3, credit_micros=10 * PRICE)
    large = running(database, tenant_id, units=4, price_micros=4 * PRICE)
    small = running(database, tenant_id, units=3, price_micros=3 * PRICE)
    assert allowance(database, tenant_id) == (0, 3)
    assert balance(database, tenant_id) == (10 * PRICE, 4 * PRICE)
    assert complete(database, large)
    assert complete(database, small)
    assert allowance(database, tenant_id) == (3, 0)
    assert balance(database, tenant_id) == (6 * PRICE, 0)
    assert sql(
        database, "SELECT covered_by, units, amount_micros FROM usage_events ORDER BY id"
    ) == [
        ("balance", 4, 4 * PRICE),
        ("allowance", 3, 0),
    ]


def test_pictures_and_analyses_have_allowances_of_their_own(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=0, analyses_per_month=1)
    submit(database, tenant_id, unit_kind=UnitKind.ANALYSES)
    for kind in UnitKind:
        with pytest.raises(InsufficientCreditError):
            submit(database, tenant_id, unit_kind=kind)
    assert allowance(database, tenant_id, "analyses") == (0, 1)


def test_spent_credit_is_told_with_the_price_and_the_day_of_the_reset(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=0, credit_micros=PRICE - 1)
    with pytest.raises(InsufficientCreditError) as caught:
        submit(database, tenant_id)
    now = datetime.now(UTC)
    first_of_next = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)
    assert caught.value.resets_at == first_of_next
    assert (caught.value.kind, caught.value.price_micros) == ("images", PRICE)


@pytest.mark.parametrize(
    ("tier", "change", "refusal"),
    [
        ({"images_per_month": 0}, {}, InsufficientCreditError),
        ({"max_in_flight": 0}, {}, TooManyInFlightError),
        ({"max_priority": Priority.LOW}, {}, PriorityNotAllowedError),
        (
            {"max_priority": Priority.NORMAL},
            {"priority": Priority.HIGH},
            PriorityNotAllowedError,
        ),
    ],
)
def test_a_refused_submission_leaves_nothing_behind(
    database: Database,
    tier: dict[str, object],
    change: dict[str, object],
    refusal: type[Exception],
) -> None:
    tenant_id = add_tenant(database, **tier)
    with pytest.raises(refusal):
        submit(database, tenant_id, **change)
    assert counts(database, "jobs", "holds", "allowances", "fair_tags") == [0, 0, 0, 0]
    assert sql(database, "SELECT in_flight FROM tenants") == [(0,)]


def test_priorities_up_to_the_tier_s_are_taken(database: Database) -> None:
    tenant_id = add_tenant(database, max_priority=Priority.NORMAL)
    for priority in (Priority.LOW, Priority.NORMAL):
        job_id = submit(database, tenant_id, priority=priority)
        assert found(database, job_id).priority == priority


def test_a_suspended_tenant_submits_nothing_but_its_jobs_go_on(database: Database) -> None:
    tenant_id = add_tenant(database)
    held = running(database, tenant_id)
    sql(database, "UPDATE tenants SET suspended_at = now()")
    with pytest.raises(TenantSuspendedError):
        submit(database, tenant_id)
    assert complete(database, held)
    sql(database, "UPDATE tenants SET suspended_at = NULL")
    submit(database, tenant_id)


def test_a_finished_job_makes_room_in_flight(database: Database) -> None:
    tenant_id = add_tenant(database, max_in_flight=1)
    for end in (
        lambda held: complete(database, held),
        lambda held: fail(database, held),
        lambda held: cancel(database, held.job_id),
    ):
        held = running(database, tenant_id)
        with pytest.raises(TooManyInFlightError) as caught:
            submit(database, tenant_id)
        assert caught.value.limit == 1
        assert end(held)
    submit(database, tenant_id)


def test_a_grown_allowance_counts_from_the_next_month(database: Database) -> None:
    tenant_id = add_tenant(database, images_per_month=1)
    submit(database, tenant_id)
    sql(database, "UPDATE tiers SET images_per_month = 50")
    with pytest.raises(InsufficientCreditError):
        submit(database, tenant_id)
    sql(database, "UPDATE holds SET month = month - interval '1 month'")
    sql(database, "UPDATE allowances SET month = month - interval '1 month'")
    assert len(submit_many(database, tenant_id, 50)) == 50


def test_a_payment_is_credited_once(database: Database) -> None:
    tenant_id, other = add_tenant(database), add_tenant(database)
    with database.transaction() as session:
        ledger.credit(session, tenant_id, 700, reference="invoice-1")
    for owner in (tenant_id, other):
        with pytest.raises(IntegrityError), database.transaction() as session:
            ledger.credit(session, owner, 700, reference="invoice-1")
    assert balance(database, tenant_id) == (700, 0)
    assert balance(database, other) == (0, 0)


def test_of_the_same_payment_at_once_one_counts(database: Database) -> None:
    tenant_id = add_tenant(database)

    def pay() -> None:
        with database.transaction() as session:
            ledger.credit(session, tenant_id, 700, reference="invoice-1")

    assert sum(at_once([lambda: accepted(pay, IntegrityError)] * 8)) == 1
    assert balance(database, tenant_id) == (700, 0)


@pytest.mark.parametrize("amount", [0, -1])
def test_a_credit_is_positive(database: Database, amount: int) -> None:
    tenant_id = add_tenant(database)
    with database.transaction() as session, pytest.raises(ValueError, match="positive"):
        ledger.credit(session, tenant_id, amount, reference="x")


@pytest.mark.parametrize(
    "change",
    ["balance_micros = -1", "balance_held_micros = balance_micros + 1", "in_flight = -1"],
)
def test_the_database_itself_keeps_accounts_out_of_the_red(database: Database, change: str) -> None:
    add_tenant(database)
    with pytest.raises(IntegrityError):
        sql(database, f"UPDATE tenants SET {change}")  # noqa: S608


@pytest.mark.parametrize("change", ["used = granted + 1", "held = -1", "granted = held - 1"])
def test_the_database_itself_keeps_an_allowance_within_its_grant(
    database: Database, change: str
) -> None:
    submit(database, add_tenant(database))
    with pytest.raises(IntegrityError):
        sql(database, f"UPDATE allowances SET {change}")  # noqa: S608


def test_a_job_holds_and_is_used_once_for_good(database: Database) -> None:
    held = running(database, add_tenant(database))
    complete(database, held)
    copy = (
        "INSERT INTO usage_events (key, tenant_id, job_id, variant, kind, units, amount_micros, "
        "covered_by, month) SELECT key, tenant_id, job_id, variant, kind, units, amount_micros, "
        "covered_by, month FROM usage_events"
    )
    for statement in (copy, "INSERT INTO holds SELECT * FROM holds"):
        with pytest.raises(IntegrityError):
            sql(database, statement)


def lost(database: Database, held: Claim) -> bool:
    """True when a worker may complete a job that was rescued from it."""
    lose_lease(database, held.job_id)
    assert rescue(database, held.job_id)
    return complete(database, held, stored(held))


ENDINGS: list[Callable[[Database, Claim], bool]] = [
    lambda database, held: complete(database, held, stored(held)),
    lambda database, held: complete(database, held, stored(held)),
    lambda database, held: fail(database, held) and False,
    lambda database, held: cancel(database, held.job_id) and False,
    lambda database, held: retry(database, held) and False,
    lost,
]
"""Each ends one attempt in its way, and tells whether that succeeded the job."""


def work_until_all_is_done(database: Database, seed: int) -> int:
    """End every attempt that can be claimed in one way or another; how many succeeded."""
    dice, succeeded = random.Random(seed), 0  # noqa: S311 - a test's dice
    while batch := claim(database, worker_id=f"wrk_{seed}"):
        succeeded += sum(dice.choice(ENDINGS)(database, fence_of(job)) for job in batch)
    return succeeded


def test_what_goes_in_comes_out_whatever_becomes_of_it(database: Database) -> None:
    tenants = [
        add_tenant(database, images_per_month=60, credit_micros=200 * PRICE) for _ in range(3)
    ]
    ids = [
        *submit_many(database, tenants[0], 100, batch_limit=4),
        *submit_many(database, tenants[1], 100, batch_limit=1),
        *submit_many(database, tenants[2], 100, batch_limit=4, batch_key="other"),
    ]
    for job_id in ids[::10]:
        assert cancel(database, job_id)
    for job_id in ids[1::10]:
        let_expire(database, job_id)
        assert expire(database, job_id)

    succeeded = sum(at_once([lambda n=n: work_until_all_is_done(database, n) for n in range(6)]))
    ends = dict(sql(database, "SELECT state, count(*) FROM jobs GROUP BY state"))
    assert set(ends) == {"succeeded", "failed", "canceled", "expired"}
    assert (ends["succeeded"], ends["expired"]) == (succeeded, 30)
    assert counts(database, "usage_events", "artifacts", "holds") == [succeeded, succeeded, 300]
    free = sum(allowance(database, tenant_id)[0] for tenant_id in tenants)
    assert 0 < free < succeeded
    charged = "SELECT -sum(amount_micros) FROM ledger_entries WHERE reference LIKE 'settlement:%'"
    assert sql(database, charged) == [((succeeded - free) * PRICE,)]
    assert sql(database, "SELECT in_flight, balance_held_micros FROM tenants") == [(0, 0)] * 3
