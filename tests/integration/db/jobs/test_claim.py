"""Claims: the fairest job first, with mates of its kind, and each job to one worker."""

from collections import Counter
from datetime import timedelta
from itertools import chain

import pytest
from sqlalchemy import text

from db.core.session import Database
from db.jobs.claim import claim_jobs
from db.jobs.submit import submit_job
from tests.support.jobs import (
    VARIANT,
    add_tenant,
    claim,
    claim_all,
    fence_of,
    found,
    new_job,
    retry,
    running,
    sql,
    submit,
    submit_many,
)
from tests.support.waiting import at_once


def pause(database: Database, *, paused: bool) -> None:
    """Pause a queue, or let it run again."""
    sql(
        database,
        "INSERT INTO queues VALUES (:variant, 0, now()) ON CONFLICT (variant) "
        "DO UPDATE SET paused_at = CASE WHEN :paused THEN now() END",
        variant=VARIANT,
        paused=paused,
    )


def test_a_claim_gives_a_number_a_lease_and_a_worker(database: Database) -> None:
    job_id = submit(database, add_tenant(database))
    [job] = claim(database, worker_id="wrk_7", lease=30)
    assert (job.id, job.state, job.attempt, job.worker_id) == (job_id, "running", 1, "wrk_7")
    assert job.started_at is not None
    assert job.leased_until == job.started_at + timedelta(seconds=30)
    assert sql(database, "SELECT number, worker_id, started_at, outcome FROM attempts") == [
        (1, "wrk_7", job.started_at, None)
    ]


def test_a_ticket_for_an_empty_queue_brings_nothing(database: Database) -> None:
    assert claim(database) == []
    submit(database, add_tenant(database), variant="another")
    assert claim(database) == []


def test_jobs_are_claimed_in_order_of_their_start(database: Database) -> None:
    ids = submit_many(database, add_tenant(database), 5)
    sql(database, "UPDATE jobs SET fair_start = -fair_start")
    assert claim_all(database) == ids[::-1]


def test_mates_have_the_same_batch_key_and_are_no_more_than_the_limit(database: Database) -> None:
    tenant_id = add_tenant(database)
    head, *mates = submit_many(database, tenant_id, 4, batch_key="a", batch_limit=3)
    odd = submit(database, tenant_id, batch_key="b", batch_limit=3)
    submit(database, tenant_id, batch_key="a", batch_limit=3, variant="another")
    assert [job.id for job in claim(database)] == [head, *mates[:2]]
    assert [job.id for job in claim(database)] == [mates[2]]
    assert [job.id for job in claim(database)] == [odd]


def test_mates_are_the_fairest_of_their_kind_whoever_owns_them(database: Database) -> None:
    crowd, newcomer = add_tenant(database), add_tenant(database)
    first, *_ = submit_many(database, crowd, 5, batch_key="a", batch_limit=2)
    other = submit(database, newcomer, batch_key="a", batch_limit=2)
    assert [job.id for job in claim(database)] == [first, other]


def test_a_head_that_may_not_share_runs_alone(database: Database) -> None:
    ids = submit_many(database, add_tenant(database), 3, batch_key="a", batch_limit=1)
    assert [job.id for job in claim(database)] == ids[:1]


@pytest.mark.parametrize(
    "change", ["available_at = now() + interval '1 minute'", "expires_at = now()"]
)
def test_a_job_that_may_not_run_now_is_neither_head_nor_mate(
    database: Database, change: str
) -> None:
    ids = submit_many(database, add_tenant(database), 4, batch_key="a", batch_limit=4)
    for place in (0, 2):
        sql(database, f"UPDATE jobs SET {change} WHERE id = :id", id=ids[place])  # noqa: S608
    assert [job.id for job in claim(database)] == [ids[1], ids[3]]
    assert claim(database) == []


def test_a_job_is_claimed_before_it_expires(database: Database) -> None:
    submit(database, add_tenant(database), expires_in_seconds=60)
    assert len(claim(database)) == 1


def test_a_paused_queue_gives_nothing_until_it_runs_again(database: Database) -> None:
    tenant_id = add_tenant(database)
    submit(database, tenant_id)
    other = submit(database, tenant_id, variant="another")
    pause(database, paused=True)
    assert claim(database) == []
    assert [job.id for job in claim(database, "another")] == [other]
    pause(database, paused=False)
    assert len(claim(database)) == 1


def test_a_row_that_another_holds_is_skipped_and_not_waited_for(database: Database) -> None:
    first, second = submit_many(database, add_tenant(database), 2)
    with database.transaction() as other:
        other.execute(text("SELECT 1 FROM jobs WHERE id = :id FOR UPDATE"), {"id": first})
        assert [job.id for job in claim(database)] == [second]
    assert [job.id for job in claim(database)] == [first]


def test_a_claim_that_is_not_committed_leaves_the_job_queued(database: Database) -> None:
    job_id = submit(database, add_tenant(database))
    with database.transaction() as session:
        assert claim_jobs(session, variant=VARIANT, worker_id="wrk_1", lease_seconds=60).jobs
        session.rollback()
    assert (found(database, job_id).state, found(database, job_id).attempt) == ("queued", 0)
    [again] = claim(database)
    assert (again.id, again.attempt) == (job_id, 1)


@pytest.mark.parametrize(("limit", "kinds"), [(1, 1), (4, 3)])
def test_no_two_workers_ever_get_the_same_job(database: Database, limit: int, kinds: int) -> None:
    tenant_id, count = add_tenant(database), 200
    with database.transaction() as session:
        expected = {
            submit_job(
                session, new_job(tenant_id, batch_key=f"{n % kinds}", batch_limit=limit)
            ).job.id
            for n in range(count)
        }

    def work(worker_id: str) -> list[list[str]]:
        batches = []
        while batch := claim(database, worker_id=worker_id):
            assert all(job.worker_id == worker_id and job.attempt == 1 for job in batch)
            assert len({job.batch_key for job in batch}) == 1
            batches.append([job.id for job in batch])
        return batches

    by_worker = at_once([lambda n=n: work(f"wrk_{n}") for n in range(8)])
    batches = list(chain.from_iterable(by_worker))
    claimed = Counter(job_id for batch in batches for job_id in batch)
    assert claimed == dict.fromkeys(expected, 1)
    assert max(map(len, batches)) == limit
    assert sql(database, "SELECT count(*), max(number) FROM attempts") == [(count, 1)]


def test_submissions_and_claims_at_once_lose_nothing_and_wait_for_no_one(
    database: Database,
) -> None:
    tenants = [add_tenant(database) for _ in range(3)]

    def sell(tenant_id: str) -> list[str]:
        return [submit(database, tenant_id, batch_limit=2) for _ in range(20)]

    def work(worker_id: str) -> list[str]:
        found: list[str] = []
        for _ in range(60):
            found += [fence_of(job).job_id for job in claim(database, worker_id=worker_id)]
        return found

    calls = [lambda tenant=tenant: sell(tenant) for tenant in tenants]
    calls += [lambda n=n: work(f"wrk_{n}") for n in range(3)]
    *sold, a, b, c = at_once(calls)
    assert sorted(a + b + c + claim_all(database)) == sorted(chain.from_iterable(sold))


def test_a_claim_tells_whether_more_could_be_claimed(database: Database) -> None:
    tenant_id = add_tenant(database)
    submit_many(database, tenant_id, 5, batch_key="same", batch_limit=2)
    retry(database, running(database, tenant_id, variant="other"), delay=60)

    def more(variant: str) -> tuple[int, bool]:
        with database.autocommit() as session:
            held = claim_jobs(session, variant=variant, worker_id="wrk_1", lease_seconds=60)
        return len(held.jobs), held.more

    assert [more(VARIANT) for _ in range(4)] == [(2, True), (2, True), (1, False), (0, False)]
    assert more("other") == (0, False)
