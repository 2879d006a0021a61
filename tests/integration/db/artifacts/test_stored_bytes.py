"""The count of stored bytes is the sum of the rows, whatever happens at once, and has a limit."""

import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from psycopg.errors import DeadlockDetected
from sqlalchemy.exc import OperationalError

from db.artifacts import inputs as stored_inputs
from db.artifacts import retention
from db.artifacts.storage_limit import StorageFullError
from db.core.session import Database
from db.jobs import contents
from db.jobs.submit import submit_job_at_once
from db.storage.keys import input_key
from db.storage.object_store import ObjectInfo
from tests.support import jobs
from tests.support.jobs import add_tenant, sql
from tests.support.waiting import at_once

RESULT_BYTES = 123
"""The size of `jobs.stored`."""


def stored_bytes(database: Database, tenant_id: str) -> int:
    """The tenant's count."""
    return int(sql(database, "SELECT stored_bytes FROM tenants WHERE id = :id", id=tenant_id)[0][0])


def use(database: Database, key: str, size_bytes: int) -> bool:
    """Record an input as an upload does; False when the tenant has no space."""
    try:
        with database.transaction(durable=False) as session:
            stored_inputs.record_use(session, key, size_bytes=size_bytes)
    except StorageFullError:
        return False
    except OperationalError as error:
        # The server undoes one of two that wait for each other; the client is told, and repeats.
        if not isinstance(error.orig, DeadlockDetected):
            raise
        return use(database, key, size_bytes)
    return True


def remove(database: Database, key: str) -> None:
    """Remove an input as the courier does."""
    with database.transaction() as session:
        if stored_inputs.lock_unused(session, key, before=datetime.max.replace(tzinfo=UTC)):
            stored_inputs.remove(session, key)


def finish(database: Database, tenant_id: str, results: int) -> str:
    """Submit a job on a queue of its own, and complete it; return its id."""
    variant = f"variant.{uuid.uuid4().hex}"
    held = jobs.running(database, tenant_id, variant=variant)
    assert jobs.complete(database, held, *(jobs.stored(held, n) for n in range(results)))
    return held.job_id


def remove_contents(database: Database, tenant_id: str, job_id: str) -> None:
    """Remove the contents of a job as its tenant does."""
    with database.transaction() as session:
        job = contents.lock_job(session, tenant_id=tenant_id, job_id=job_id)
        assert job is not None
        contents.remove_contents(session, job)


def expire_results(database: Database) -> None:
    """Remove all expired artifacts as the courier does."""
    with database.transaction(durable=False) as session:
        expired = list(retention.expired_artifacts(session, limit=100))
    for artifact_id in expired:
        with database.transaction() as session:
            retention.mark_removed(session, artifact_id)


def test_the_same_content_counts_once_and_is_subtracted_once(
    database: Database, tenant_id: str
) -> None:
    key = input_key(tenant_id, "ab")
    assert use(database, key, 100)
    assert use(database, key, 100)
    assert stored_bytes(database, tenant_id) == 100
    remove(database, key)
    remove(database, key)
    assert stored_bytes(database, tenant_id) == 0


def test_results_count_until_they_are_removed(database: Database, tenant_id: str) -> None:
    first, second = (finish(database, tenant_id, results=2) for _ in range(2))
    assert stored_bytes(database, tenant_id) == 4 * RESULT_BYTES
    sql(database, "UPDATE artifacts SET expires_at = now() WHERE job_id = :id", id=first)
    expire_results(database)
    expire_results(database)
    assert stored_bytes(database, tenant_id) == 2 * RESULT_BYTES
    for _ in range(2):
        remove_contents(database, tenant_id, second)
    assert stored_bytes(database, tenant_id) == 0


def remove_second_results(database: Database) -> None:
    """Mark results as removed, each in a transaction of its own, as retention does."""
    for (job_id,) in sql(
        database, "SELECT job_id FROM artifacts WHERE n = 1 AND removed_at IS NULL"
    ):
        with database.transaction() as session:
            retention.mark_removed(session, (job_id, 1))


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_at_once_the_count_is_the_sum(database: Database, seed: int) -> None:
    """The fixture checks the invariant; two tenants share every table and every moment."""
    tenants = [add_tenant(database), add_tenant(database, max_stored_bytes=900)]

    def act(number: int) -> Callable[[], None]:
        choose = random.Random(100 * seed + number)  # noqa: S311 - a test's choices

        def run() -> None:
            finished: list[tuple[str, str]] = []
            for _ in range(12):
                tenant_id = choose.choice(tenants)
                key = input_key(tenant_id, str(choose.randrange(4)))
                match choose.randrange(6):
                    case 0 | 1:
                        # A content has one size.
                        use(database, key, 100 + int(key[-1]))
                    case 2:
                        remove(database, key)
                    case 3:
                        try:
                            job_id = finish(database, tenant_id, choose.randrange(3))
                        except StorageFullError:
                            continue
                        finished.append((tenant_id, job_id))
                    case 4 if finished:
                        remove_contents(database, *finished.pop())
                    case _:
                        remove_second_results(database)

        return run

    at_once([act(number) for number in range(4)])
    total = sum(stored_bytes(database, tenant_id) for tenant_id in tenants)
    [(inputs, results)] = sql(
        database,
        "SELECT (SELECT coalesce(sum(bytes), 0) FROM stored_inputs),"
        " (SELECT coalesce(sum(bytes), 0) FROM artifacts WHERE removed_at IS NULL)",
    )
    assert total == inputs + results


def test_concurrent_inputs_cannot_pass_the_limit_together(database: Database) -> None:
    tenant_id = add_tenant(database, max_stored_bytes=100)
    keys = [input_key(tenant_id, str(n)) for n in range(6)]
    accepted = at_once([lambda key=key: use(database, key, 40) for key in keys])
    assert sum(accepted) == 2
    assert stored_bytes(database, tenant_id) == 80
    assert not use(database, input_key(tenant_id, "other"), 21)
    assert use(database, input_key(tenant_id, "other"), 20)


def test_content_that_is_stored_needs_no_space(database: Database) -> None:
    tenant_id = add_tenant(database, max_stored_bytes=100)
    key = input_key(tenant_id, "ab")
    assert use(database, key, 100)
    assert use(database, key, 100)
    assert not use(database, input_key(tenant_id, "cd"), 1)


def test_a_result_is_stored_over_the_limit_and_the_next_job_is_refused(database: Database) -> None:
    tenant_id = add_tenant(database, max_stored_bytes=RESULT_BYTES)
    job_id = finish(database, tenant_id, results=2)
    assert stored_bytes(database, tenant_id) == 2 * RESULT_BYTES
    with database.autocommit(durable=True) as session:
        assert submit_job_at_once(session, jobs.new_job(tenant_id)) is None
    with pytest.raises(StorageFullError, match="246 of the 123 bytes"):
        jobs.submit(database, tenant_id)
    remove_contents(database, tenant_id, job_id)
    jobs.submit(database, tenant_id)


def test_a_tier_without_a_limit_has_none(database: Database, tenant_id: str) -> None:
    assert use(database, input_key(tenant_id, "ab"), 10**15)
    jobs.submit(database, tenant_id)


def test_an_input_of_unknown_size_counts_once_it_is_measured(
    database: Database, tenant_id: str
) -> None:
    """A process of the former release records inputs without their sizes."""
    keys = [input_key(tenant_id, sha256) for sha256 in ("ab", "cd")]
    for key in keys:
        sql(database, "INSERT INTO stored_inputs (key) VALUES (:key)", key=key)
    assert stored_bytes(database, tenant_id) == 0
    assert use(database, keys[0], 10)
    assert stored_bytes(database, tenant_id) == 10
    listed = [ObjectInfo(key, 10, datetime.now(UTC)) for key in keys]
    for _ in range(2):
        with database.transaction() as session:
            stored_inputs.add_existing(session, listed)
    assert stored_bytes(database, tenant_id) == 20
