"""Batches completed together: as each alone, and in nobody's way."""

from collections.abc import Sequence

import pytest
from sqlalchemy.exc import DBAPIError

from db.core.session import Database
from db.jobs.complete import complete_jobs
from db.jobs.types import Claim, NewArtifact, Result
from db.webhooks.types import Webhook, WebhookEvent
from tests.support.jobs import (
    PRICE,
    add_tenant,
    allowance,
    assert_everything_holds,
    balance,
    cancel,
    counts,
    found,
    running,
    sql,
    state,
    stored,
)
from tests.support.waiting import at_once


def result(*artifacts: NewArtifact, output: object = None) -> Result:
    return Result({"answer": output}, artifacts, steps=4, run_seconds=1.5, store_seconds=0.25)


def complete_all(database: Database, results: dict[Claim, Result]) -> set[Claim]:
    with database.transaction() as session:
        return complete_jobs(session, results, keep_seconds=3600)


@pytest.fixture
def tenants(database: Database) -> tuple[str, str]:
    """One with three free pictures and credit, one with credit alone."""
    return (
        add_tenant(database, images_per_month=3, credit_micros=10 * PRICE),
        add_tenant(database, images_per_month=0, credit_micros=10 * PRICE),
    )


def test_a_batch_of_several_payers_is_paid_by_each(
    database: Database, tenants: tuple[str, str]
) -> None:
    free, paying = tenants
    held = [running(database, tenant) for tenant in (free, paying, free, paying, free, free)]
    done = complete_all(database, {own: result(stored(own), output=own.job_id) for own in held})
    assert done == set(held)
    assert (allowance(database, free), balance(database, free)) == ((3, 0), (9 * PRICE, 0))
    assert balance(database, paying) == (8 * PRICE, 0)
    assert sql(database, "SELECT id FROM tenants WHERE in_flight <> 0") == []
    assert counts(database, "artifacts", "usage_events") == [6, 6]
    for own in held:
        job = found(database, own.job_id)
        assert job.output == {"answer": own.job_id}
        assert (job.progress_step, job.run_seconds, job.leased_until) == (4, 1.5, None)
    assert_everything_holds(database)


def test_what_is_no_longer_an_attempt_s_is_left_out(
    database: Database, tenants: tuple[str, str]
) -> None:
    held = [running(database, tenants[0]) for _ in range(3)]
    assert cancel(database, held[1].job_id)
    stale = Claim(held[2].job_id, held[2].attempt + 1)
    results = {own: result(stored(own)) for own in (held[0], held[1], stale)}
    assert complete_all(database, results) == {held[0]}
    states = [state(database, own.job_id) for own in held]
    assert states == ["succeeded", "canceled", "running"]
    assert counts(database, "artifacts", "usage_events") == [1, 1]
    assert complete_all(database, results) == set()
    assert_everything_holds(database)


def test_nothing_completes_nothing(database: Database) -> None:
    assert complete_all(database, {}) == set()


def test_a_refused_result_enters_nothing_of_its_batch(
    database: Database, tenants: tuple[str, str]
) -> None:
    held = [running(database, tenants[0]) for _ in range(2)]
    with pytest.raises(DBAPIError):
        complete_all(
            database, {held[0]: result(output="fine"), held[1]: result(output="no \0 here")}
        )
    assert [state(database, own.job_id) for own in held] == ["running", "running"]
    assert counts(database, "usage_events") == [0]


def test_everyone_is_told_of_a_job_of_a_batch(database: Database, tenants: tuple[str, str]) -> None:
    hook = Webhook("https://example.org/hook", (WebhookEvent.SUCCEEDED,), base_url="")
    held = [running(database, tenants[n % 2], webhook=hook) for n in range(3)]
    complete_all(database, {own: result() for own in held})
    told = sql(database, "SELECT job_id, event FROM deliveries ORDER BY job_id")
    assert told == sorted((own.job_id, "job.succeeded") for own in held)


def test_batches_in_opposite_orders_do_not_wait_for_each_other(database: Database) -> None:
    tenants = [add_tenant(database, images_per_month=3, credit_micros=99 * PRICE) for _ in range(2)]
    for _ in range(10):
        held = [running(database, tenants[n % 2]) for n in range(6)]

        def complete(order: Sequence[Claim]) -> set[Claim]:
            return complete_all(database, {own: result() for own in order})

        ends = at_once(
            [
                lambda held=held: complete(held),
                lambda held=held: complete(held[::-1]),
                lambda held=held: complete(held[3:] + held[:3]),
                lambda held=held: {own for own in held[::2] if cancel(database, own.job_id)},
            ]
        )
        assert sum(map(len, ends)) == len(held)
    assert_everything_holds(database)
