"""Workers, tenants, keys and files: entered, found by whom they concern, and no one else."""

from dataclasses import replace

import pytest

from db import worker_registry as workers
from db.artifacts import uploads as files
from db.artifacts.uploads import NewUpload
from db.billing import holds as quota
from db.core.session import Database
from db.jobs.queries import find_job
from db.jobs.submit import submit_job
from db.tenants import api_keys, tenants
from db.tenants.api_keys import Identity, InvalidKeyError
from db.tenants.tenants import AllowanceLeft
from db.values.pricing import UnitKind
from db.values.worker_state import WorkerState
from db.worker_registry import WorkerReport
from tests.support.jobs import PRICE, add_tenant, complete, new_job, running, sql, submit

STARTING = WorkerReport("wrk_1", "box", 7, "cuda:0", ("a",), "starting")
BUSY = WorkerReport("wrk_1", "box", 7, "cuda:0", ("a", "b"), "busy", 123)
PICTURE = NewUpload("inputs/x/ab", "image/png", 64, 32, 999, "ab" * 32)


def report(database: Database, said: WorkerReport) -> None:
    """Let a worker report itself."""
    with database.transaction(durable=False) as session:
        workers.report(session, said)


def make_key(database: Database, tenant_id: str | None, name: str = "mine") -> tuple[str, str]:
    """A new key's id and the key itself."""
    with database.transaction() as session:
        row, key = api_keys.create(session, tenant_id=tenant_id, name=name)
        return row.id, key


def identify(database: Database, key: str) -> Identity:
    """The owner of a key."""
    with database.transaction() as session:
        return api_keys.identify(session, key)


def test_a_worker_s_row_is_entered_and_then_renewed(database: Database) -> None:
    report(database, STARTING)
    sql(database, "UPDATE workers SET heartbeat_at = now() - interval '1 day', started_at = now()")
    [(started,)] = sql(database, "SELECT started_at FROM workers")
    report(database, BUSY)
    with database.transaction() as session:
        [row] = workers.list_workers(session)
    assert (row.state, row.variants, row.memory_used_bytes) == ("busy", ["a", "b"], 123)
    assert row.started_at == started
    assert sql(database, "SELECT now() - heartbeat_at < interval '1 minute' FROM workers") == [
        (True,)
    ]


def test_a_problem_stays_while_the_worker_starts_again_and_goes_when_it_is_ready(
    database: Database,
) -> None:
    def problem() -> str | None:
        [(text,)] = sql(database, "SELECT problem FROM workers")
        return text

    report(database, replace(STARTING, state=WorkerState.FAILED, problem="no driver"))
    report(database, replace(STARTING, pid=8))
    assert problem() == "no driver"
    report(database, replace(STARTING, pid=8, state=WorkerState.FAILED, problem="no card"))
    assert problem() == "no card"
    report(database, replace(BUSY, problem=None))
    assert problem() is None


def test_a_worker_that_stops_is_taken_off_the_register(database: Database) -> None:
    report(database, STARTING)
    with database.transaction() as session:
        workers.remove(session, "wrk_2")
        assert len(workers.list_workers(session)) == 1
        workers.remove(session, "wrk_1")
        assert workers.list_workers(session) == []


def test_workers_silent_for_long_are_forgotten(database: Database) -> None:
    report(database, STARTING)
    sql(database, "UPDATE workers SET heartbeat_at = now() - interval '61 s'")
    report(database, WorkerReport("wrk_2", "box", 8, "cpu", ("a",), "ready"))
    with database.transaction() as session:
        assert workers.delete_stale(session, older_than_seconds=120) == 0
        assert workers.delete_stale(session, older_than_seconds=60) == 1
        assert [row.id for row in workers.list_workers(session)] == ["wrk_2"]


def test_a_tenant_is_made_in_a_tier_that_there_is(database: Database) -> None:
    with database.transaction() as session:
        tenant = tenants.create(session, name="Studio", tier="standard")
        assert tenant.id.startswith("ten_")
        assert tenant.created_at is not None
        assert tenant.tier == "standard"
        with pytest.raises(tenants.UnknownTierError, match="free, standard, enterprise"):
            tenants.create(session, name="Studio", tier="gold")
        assert [row.name for row in tenants.list_tenants(session)] == ["Studio"]


def test_an_account_tells_what_is_granted_used_held_and_left(database: Database) -> None:
    tenant_id = add_tenant(
        database, images_per_month=3, analyses_per_month=7, credit_micros=5 * PRICE
    )
    with database.transaction() as session:
        fresh = tenants.account(session, tenant_id)
    assert fresh is not None
    assert fresh.allowances == {
        UnitKind.IMAGES: AllowanceLeft(3, 0, 0),
        UnitKind.ANALYSES: AllowanceLeft(7, 0, 0),
    }
    complete(database, running(database, tenant_id, units=2))
    running(database, tenant_id)
    submit(database, tenant_id)
    with database.transaction() as session:
        account = tenants.account(session, tenant_id)
        assert account is not None
        assert account.resets_at == quota.next_reset(quota.current_month(session))
    assert account.allowances[UnitKind.IMAGES] == AllowanceLeft(granted=3, used=2, held=1)
    assert account.allowances[UnitKind.IMAGES].left == 0
    assert account.open_holds == 2
    assert account.tenant.balance_micros == 5 * PRICE
    assert account.tenant.balance_held_micros == PRICE
    assert account.tier.images_per_month == 3


def test_an_unknown_tenant_has_no_account(database: Database) -> None:
    with database.transaction() as session:
        assert tenants.account(session, "ten_unknown") is None


def test_what_is_left_of_the_allowance_is_told_of_a_job_that_draws_on_it(
    database: Database,
) -> None:
    tenant_id = add_tenant(database, images_per_month=5, credit_micros=PRICE * 9)
    with database.transaction() as session:
        tenant = tenants.account(session, tenant_id)
        free, paid = (submit_job(session, new_job(tenant_id, units=units)) for units in (2, 4))
    assert tenant is not None
    assert (free.job.covered_by, free.quota_left) == ("allowance", 3)
    assert (paid.job.covered_by, paid.quota_left) == ("balance", None)
    assert (free.tier, paid.tier) == (tenant.tier.name, tenant.tier.name)


def test_a_key_speaks_for_its_tenant_and_an_operator_s_for_none(database: Database) -> None:
    tenant_id = add_tenant(database)
    key_id, key = make_key(database, tenant_id)
    assert identify(database, key) == Identity(key_id, tenant_id)
    operator_id, operator = make_key(database, None)
    assert identify(database, operator) == Identity(operator_id, None)


def test_a_key_is_kept_as_a_hash_alone(database: Database) -> None:
    _, key = make_key(database, None)
    [(row,)] = sql(database, "SELECT api_keys::text FROM api_keys")
    assert key.split("_")[2][:22] not in row


def test_a_revoked_key_is_refused_for_good(database: Database) -> None:
    key_id, key = make_key(database, add_tenant(database))
    _, other = make_key(database, None)
    with database.transaction() as session:
        assert api_keys.revoke(session, key_id)
        assert not api_keys.revoke(session, key_id)
        assert not api_keys.revoke(session, "key_unknown")
    with pytest.raises(InvalidKeyError):
        identify(database, key)
    assert identify(database, other).is_operator


def test_another_key_s_secret_does_not_open_this_one(database: Database) -> None:
    _, one = make_key(database, None)
    _, other = make_key(database, None)
    body = "_".join([*one.split("_")[:2], other.split("_")[2][:22]])
    with pytest.raises(InvalidKeyError):
        identify(database, body + api_keys._checksum(body))


def test_an_unknown_key_is_refused_in_the_same_words(
    database: Database, owner_database: Database
) -> None:
    key_id, revoked = make_key(database, None)
    _, unknown = make_key(database, None)
    with database.transaction() as session:
        api_keys.revoke(session, key_id)
    sql(owner_database, "DELETE FROM api_keys WHERE revoked_at IS NULL")
    said = set()
    for key in (revoked, unknown, "nonsense"):
        with pytest.raises(InvalidKeyError) as caught:
            identify(database, key)
        said.add(str(caught.value))
    assert len(said) == 1


def test_keys_are_listed_with_their_owners(database: Database) -> None:
    tenant_id = add_tenant(database)
    make_key(database, None, "root")
    make_key(database, tenant_id, "laptop")
    with database.transaction() as session:
        everyone = {(row.name, owner) for row, owner in api_keys.list_keys(session)}
        own = [(row.name, owner) for row, owner in api_keys.list_keys(session, tenant_id=tenant_id)]
    assert everyone == {("root", "operator"), ("laptop", "someone")}
    assert own == [("laptop", "someone")]


def test_the_same_picture_is_one_file_of_each_tenant(database: Database) -> None:
    one, other = add_tenant(database), add_tenant(database)
    with database.transaction() as session:
        first = files.add(session, one, PICTURE)
        again = files.add(session, one, PICTURE)
        elsewhere = files.add(session, other, PICTURE)
    assert first.id == again.id != elsewhere.id
    assert (first.width, first.height, first.bytes) == (64, 32, 999)


def test_a_file_is_found_by_its_owner_alone(database: Database) -> None:
    owner, stranger = add_tenant(database), add_tenant(database)
    with database.transaction() as session:
        file_id = files.add(session, owner, PICTURE).id
    with database.transaction() as session:
        assert files.find(session, tenant_id=owner, file_id=file_id) is not None
        assert files.find(session, tenant_id=stranger, file_id=file_id) is None
        assert files.find(session, tenant_id=owner, file_id="file_unknown") is None


def test_a_row_read_again_is_as_it_is_now(database: Database) -> None:
    job_id = submit(database, add_tenant(database))
    with database.transaction() as session:
        before = find_job(session, tenant_id=None, job_id=job_id)
        sql(database, "UPDATE jobs SET progress_step = 3")
        after = find_job(session, tenant_id=None, job_id=job_id)
    assert before is after
    assert after is not None
    assert after.progress_step == 3
