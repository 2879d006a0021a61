"""The fair share: no tenant waits for another's backlog, and heavier tiers get their weight."""

from collections import Counter

import pytest
from sqlalchemy.exc import DBAPIError

from db.core.session import Database
from db.jobs.fair_share import restart_broken_queues
from db.values.fair_share import MAX_WEIGHT, MIN_WEIGHT
from db.values.job_state import Priority
from tests.support.jobs import (
    VARIANT,
    add_tenant,
    add_tier,
    backlog,
    cancel,
    claim,
    claim_all,
    expire,
    fence_of,
    found,
    let_expire,
    retry,
    running,
    sql,
    submit,
    submit_many,
    without_finite_checks,
)
from tests.support.waiting import at_once


def owners(database: Database, count: int) -> list[str]:
    """The tenants whose jobs are claimed next."""
    return [claim(database)[0].tenant_id for _ in range(count)]


def start(database: Database, job_id: str) -> float:
    """A job's place in virtual time."""
    return found(database, job_id).fair_start


def still_queued(database: Database, tenant_id: str) -> bool:
    """True when a tenant still has queued jobs."""
    query = "SELECT count(*) FROM jobs WHERE tenant_id = :id AND state = 'queued'"
    return sql(database, query, id=tenant_id) != [(0,)]


def virtual_time(database: Database, variant: str = VARIANT) -> float:
    """The virtual time of a queue."""
    [(value,)] = sql(
        database, "SELECT virtual_time FROM queues WHERE variant = :variant", variant=variant
    )
    return float(value)


def test_the_worked_example_of_the_formula_comes_true(database: Database) -> None:
    a, b = add_tenant(database, weight=1), add_tenant(database, weight=4)
    of_a = submit_many(database, a, 3, cost_seconds=2)
    of_b = submit_many(database, b, 2, cost_seconds=2)
    assert [start(database, job_id) for job_id in of_a] == [0, 2, 4]
    assert [start(database, job_id) for job_id in of_b] == [0, 0.5]
    assert owners(database, 5) == [a, b, b, a, a]


def test_a_newcomer_waits_for_about_one_job_of_a_thousand(database: Database) -> None:
    crowd, newcomer = add_tenant(database), add_tenant(database)
    backlog(database, crowd, 1_000)
    assert owners(database, 10) == [crowd] * 10
    job_id = submit(database, newcomer)
    assert newcomer in owners(database, 2)
    assert found(database, job_id).state == "running"


def test_a_newcomer_s_backlog_takes_turns_with_an_old_one(database: Database) -> None:
    crowd, newcomer = add_tenant(database), add_tenant(database)
    backlog(database, crowd, 30)
    owners(database, 10)
    submit_many(database, newcomer, 10)
    counts = Counter(owners(database, 20))
    assert abs(counts[crowd] - counts[newcomer]) <= 1


def test_each_tier_gets_its_weight(database: Database) -> None:
    weights = {add_tenant(database, weight=weight): weight for weight in (1, 4, 16)}
    for tenant_id in weights:
        backlog(database, tenant_id, 90)
    counts = Counter(owners(database, 84))
    for tenant_id, weight in weights.items():
        assert abs(counts[tenant_id] - 4 * weight) <= 2


def test_costlier_jobs_come_less_often(database: Database) -> None:
    cheap, dear = add_tenant(database), add_tenant(database)
    backlog(database, dear, 20, cost_seconds=4)
    backlog(database, cheap, 60, cost_seconds=1)
    counts = Counter(owners(database, 50))
    assert abs(counts[cheap] - 40) <= 2


def test_priority_scales_the_share(database: Database) -> None:
    low, high = add_tenant(database), add_tenant(database)
    backlog(database, low, 30, priority=Priority.LOW)
    backlog(database, high, 60, priority=Priority.HIGH)
    counts = Counter(owners(database, 50))
    assert abs(counts[high] - 40) <= 2


def test_nobody_starves_under_a_heavier_tenant_that_never_stops(database: Database) -> None:
    heavy, light = add_tenant(database, weight=16), add_tenant(database, weight=1)
    backlog(database, heavy, 40)
    submit_many(database, light, 3)
    waited = 0
    while still_queued(database, light):
        submit_many(database, heavy, 2)
        claim(database)
        waited += 1
        assert waited <= 2 * 16 + 5


def test_who_was_idle_has_saved_nothing_up(database: Database) -> None:
    steady, idle = add_tenant(database), add_tenant(database)
    submit(database, idle)
    backlog(database, steady, 30)
    owners(database, 21)
    [late] = submit_many(database, idle, 1)
    assert start(database, late) == virtual_time(database) == 19


def test_canceled_jobs_give_their_share_back(database: Database) -> None:
    hasty, other = add_tenant(database), add_tenant(database)
    submit_many(database, other, 20)
    for job_id in submit_many(database, hasty, 10):
        assert cancel(database, job_id)
    assert start(database, submit(database, hasty)) == 0
    assert hasty in owners(database, 2)


def test_expired_jobs_give_their_share_back(database: Database) -> None:
    tenant_id = add_tenant(database)
    job_id = submit(database, tenant_id, cost_seconds=5)
    let_expire(database, job_id)
    assert expire(database, job_id)
    assert start(database, submit(database, tenant_id)) == 0


def test_a_job_that_has_run_keeps_its_share_when_it_is_canceled(database: Database) -> None:
    tenant_id = add_tenant(database)
    job_id = submit(database, tenant_id, cost_seconds=5)
    [job] = claim(database)
    assert retry(database, fence_of(job))
    assert cancel(database, job_id)
    assert start(database, submit(database, tenant_id)) == 5


def test_a_retried_job_keeps_its_place(database: Database) -> None:
    tenant_id = add_tenant(database)
    first, *rest = submit_many(database, tenant_id, 3)
    [job] = claim(database)
    assert retry(database, fence_of(job))
    assert claim_all(database) == [first, *rest]


def test_batch_mates_ride_along_without_moving_the_queue_s_time(database: Database) -> None:
    crowd, newcomer = add_tenant(database), add_tenant(database)
    submit_many(database, crowd, 8, batch_key="a", batch_limit=4)
    assert len(claim(database)) == 4
    assert virtual_time(database) == 0
    assert start(database, submit(database, newcomer)) == 0
    assert owners(database, 1) == [newcomer]


def test_every_queue_has_a_time_of_its_own(database: Database) -> None:
    tenant_id = add_tenant(database)
    submit_many(database, tenant_id, 5)
    claim_all(database)
    assert start(database, submit(database, tenant_id, variant="another")) == 0
    assert start(database, submit(database, tenant_id)) == 5


def test_a_queue_s_time_never_goes_back(database: Database) -> None:
    tenant_id = add_tenant(database)
    first, *_ = submit_many(database, tenant_id, 3)
    [job] = claim(database)
    claim_all(database)
    assert retry(database, fence_of(job))
    claim_all(database)
    assert virtual_time(database) == 2
    assert found(database, first).attempt == 2


def test_submissions_at_once_get_places_one_after_another(database: Database) -> None:
    tenant_id = add_tenant(database)
    ids = at_once([lambda: submit(database, tenant_id)] * 12)
    assert sorted(start(database, job_id) for job_id in ids) == list(range(12))


NOT_FINITE = ("NaN", "Infinity", "-Infinity")


@pytest.mark.parametrize("weight", [5e-324, 0.0009, 1.0001e6, float("inf"), float("nan"), -1.0])
def test_the_database_refuses_a_weight_out_of_range(database: Database, weight: float) -> None:
    with pytest.raises(DBAPIError, match="weight_in_range"):
        add_tier(database, "odd", weight=weight)


@pytest.mark.parametrize("weight", [MIN_WEIGHT, MAX_WEIGHT])
def test_the_bounds_of_a_weight_keep_every_tag_finite(database: Database, weight: float) -> None:
    tenant_id = add_tenant(database, weight=weight)
    ids = submit_many(database, tenant_id, 5, cost_seconds=3_600, priority=Priority.LOW)
    assert sorted(ids, key=lambda job_id: start(database, job_id)) == ids
    assert claim_all(database) == ids
    assert virtual_time(database) == start(database, ids[-1]) > 0


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("queues", "virtual_time"),
        ("fair_tags", "finish"),
        ("jobs", "fair_start"),
        ("jobs", "fair_share"),
        ("jobs", "cost_seconds"),
        ("jobs", "deadline_seconds"),
    ],
)
def test_the_database_refuses_numbers_that_are_not_finite(
    database: Database, table: str, column: str
) -> None:
    running(database, add_tenant(database))
    for value in NOT_FINITE:
        with pytest.raises(DBAPIError, match=f"{column}_finite"):
            sql(database, f"UPDATE {table} SET {column} = '{value}'")  # noqa: S608


@pytest.mark.parametrize("value", NOT_FINITE)
def test_a_poisoned_queue_is_restarted_and_shares_fairly_again(
    database: Database, owner_database: Database, value: str
) -> None:
    a, b = add_tenant(database, weight=1), add_tenant(database, weight=4)
    submit_many(database, a, 3, cost_seconds=2)
    submit_many(database, b, 2, cost_seconds=2)
    untouched = submit(database, a, variant="another")
    for statement in without_finite_checks():
        sql(owner_database, statement)
    sql(database, f"INSERT INTO queues VALUES ('{VARIANT}', '{value}')")  # noqa: S608
    sql(database, f"UPDATE fair_tags SET finish = '{value}' WHERE variant = '{VARIANT}'")  # noqa: S608
    sql(database, f"UPDATE jobs SET fair_start = '{value}' WHERE variant = '{VARIANT}'")  # noqa: S608
    sql(database, f"UPDATE jobs SET fair_share = '{value}' WHERE tenant_id = '{b}'")  # noqa: S608
    with database.transaction() as session:
        assert restart_broken_queues(session) == [VARIANT]
    late = submit(database, b, cost_seconds=2)
    assert (start(database, late), start(database, untouched)) == (1, 0)
    assert owners(database, 6) == [a, b, b, b, a, a]
    assert virtual_time(database) == 4
    with database.transaction() as session:
        assert restart_broken_queues(session) == []
