"""The fair share: no tenant waits for another's backlog, and heavier tiers get their weight."""

from collections import Counter

from db.core.session import Database
from db.values.job_state import Priority
from tests.support.jobs import (
    VARIANT,
    add_tenant,
    backlog,
    cancel,
    claim,
    claim_all,
    expire,
    fence_of,
    found,
    let_expire,
    retry,
    sql,
    submit,
    submit_many,
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
