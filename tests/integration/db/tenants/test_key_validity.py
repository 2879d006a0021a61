"""A key is refused from its end on, wherever it is looked at; its last use is recorded."""

from datetime import timedelta

import pytest

from db.core.session import Database
from db.jobs import submit
from db.operators import keys as operator_keys
from db.operators.audit import Actor
from db.operators.keys import LastOperatorError
from db.tables import ApiKey
from db.tenants import api_keys, sessions
from db.tenants.api_keys import InvalidKeyError, OperatorRole
from tests.support.jobs import add_tenant, counts, new_job, sql

ME = Actor("key_me", "me")
DAY = 86_400


def make_key(
    database: Database,
    tenant_id: str | None = None,
    *,
    lifetime: float | None = None,
    role: OperatorRole = OperatorRole.OPERATOR,
) -> tuple[str, str]:
    """A key's id, and the key."""
    with database.transaction() as session:
        row, key = api_keys.create(
            session, tenant_id=tenant_id, name="", role=role, expires_in_seconds=lifetime
        )
        return row.id, key


def end(database: Database, key_id: str) -> None:
    """Let a key expire now."""
    sql(database, "UPDATE api_keys SET expires_at = now() WHERE id = :id", id=key_id)


def row_of(database: Database, key_id: str) -> ApiKey:
    with database.transaction() as session:
        return session.get_one(ApiKey, key_id)


def test_a_key_has_the_end_that_was_asked_for(database: Database) -> None:
    key_id, key = make_key(database, lifetime=90 * DAY)
    row = row_of(database, key_id)
    assert row.expires_at is not None
    assert row.expires_at - row.created_at == timedelta(days=90)
    assert row_of(database, make_key(database)[0]).expires_at is None
    with database.transaction() as session:
        assert api_keys.identify(session, key).key_id == key_id


def test_an_expired_key_is_refused_in_the_words_for_any_other(database: Database) -> None:
    key_id, key = make_key(database, lifetime=DAY)
    end(database, key_id)
    said = set()
    for wrong in (key, "nonsense"):
        with database.transaction() as session, pytest.raises(InvalidKeyError) as caught:
            api_keys.identify(session, wrong)
        said.add(str(caught.value))
    assert len(said) == 1
    with database.transaction() as session:
        with pytest.raises(InvalidKeyError):
            api_keys.check(session, key_id)
        assert api_keys.usable(session, [key_id]) == set()


@pytest.mark.parametrize("of_operator", [True, False])
def test_a_session_ends_with_its_key(database: Database, *, of_operator: bool) -> None:
    tenant_id = None if of_operator else add_tenant(database)
    find = sessions.find_operator if of_operator else sessions.find_tenant
    key_id, _ = make_key(database, tenant_id, lifetime=DAY)
    with database.transaction() as session:
        token = sessions.start(session, key_id, seconds=DAY)
        assert find(session, token) is not None
    end(database, key_id)
    with database.transaction() as session:
        assert find(session, token) is None


@pytest.mark.parametrize("images", [1_000_000, 0])
def test_no_job_is_submitted_with_an_expired_key(database: Database, images: int) -> None:
    tenant_id = add_tenant(database, images_per_month=images, credit_micros=10**9)
    key_id, _ = make_key(database, tenant_id, lifetime=DAY)
    new = new_job(tenant_id, api_key_id=key_id)
    with database.transaction() as session:
        submit.submit_job(session, new)
    end(database, key_id)
    with database.transaction() as session, pytest.raises(InvalidKeyError):
        submit.submit_job(session, new_job(tenant_id, api_key_id=key_id))
    assert counts(database, "jobs") == [1]


def test_an_expired_key_is_no_other_key_of_an_operator(database: Database) -> None:
    first, _ = make_key(database)
    second, _ = make_key(database, lifetime=DAY)
    make_key(database, role=OperatorRole.VIEWER)
    end(database, second)
    with database.transaction() as session, pytest.raises(LastOperatorError):
        operator_keys.revoke(session, ME, first)
    with database.transaction() as session:
        assert operator_keys.revoke(session, ME, second)
    make_key(database, lifetime=DAY)
    with database.transaction() as session:
        assert operator_keys.revoke(session, ME, first)


def test_a_key_that_ends_within_minutes_takes_over_from_one_that_ends_sooner_alone(
    database: Database,
) -> None:
    lasting, _ = make_key(database)
    brief, _ = make_key(database, lifetime=600)
    briefer, _ = make_key(database, lifetime=60)
    with database.transaction() as session, pytest.raises(LastOperatorError):
        operator_keys.revoke(session, ME, lasting)
    with database.transaction() as session:
        assert operator_keys.revoke(session, ME, briefer)
        assert operator_keys.revoke(session, ME, brief)
    with database.transaction() as session, pytest.raises(LastOperatorError):
        operator_keys.revoke(session, ME, lasting)


def test_the_end_of_a_key_is_in_the_audit_log(database: Database) -> None:
    with database.transaction() as session:
        for lifetime in (DAY, None):
            operator_keys.create(
                session,
                ME,
                name="ann",
                role=OperatorRole.VIEWER,
                expires_in_seconds=lifetime,
            )
    rows = sql(database, "SELECT after ? 'expires_at' FROM audit_entries ORDER BY id")
    assert rows == [(True,), (False,)]


def test_keys_that_expire_soon_are_counted(database: Database) -> None:
    tenant_id = add_tenant(database)
    for owner, lifetime in ((None, 6), (None, 8), (tenant_id, 1), (tenant_id, 2)):
        make_key(database, owner, lifetime=lifetime * DAY)
    make_key(database, tenant_id)
    end(database, make_key(database, tenant_id, lifetime=DAY)[0])
    with database.transaction() as session:
        assert api_keys.count_expiring(session) == {"operator": 1, "tenant": 2}


def test_the_last_end_of_operators_keys(database: Database) -> None:
    def last() -> timedelta | None:
        with database.transaction() as session:
            found = operator_keys.last_expiry(session)
            now = row_of(database, newest).created_at
        return None if found is None else found - now

    newest, _ = make_key(database, role=OperatorRole.VIEWER)
    assert last() is None
    make_key(database, lifetime=DAY)
    newest, _ = make_key(database, lifetime=2 * DAY)
    assert last() == timedelta(days=2)
    make_key(database)
    assert last() is None


def test_a_use_is_recorded_to_some_minutes_and_not_of_a_refused_key(database: Database) -> None:
    used, revoked, expired, unused = (make_key(database)[0] for _ in range(4))
    with database.transaction() as session:
        api_keys.revoke(session, revoked)
    end(database, expired)

    def record() -> None:
        with database.transaction() as session:
            api_keys.record_uses(session, [used, revoked, expired])

    def uses() -> list[bool]:
        return [bool(row_of(database, key).last_used_at) for key in (revoked, expired, unused)]

    record()
    first = row_of(database, used).last_used_at
    assert first is not None
    assert not any(uses())
    record()
    assert row_of(database, used).last_used_at == first
    sql(database, "UPDATE api_keys SET last_used_at = last_used_at - interval '6 min'")
    record()
    again = row_of(database, used).last_used_at
    assert again is not None
    assert again > first


def test_a_use_waits_for_nobody(database: Database) -> None:
    one, other = make_key(database)[0], make_key(database)[0]
    with database.transaction() as session, database.transaction() as second:
        api_keys.record_uses(session, [one])
        api_keys.record_uses(second, [other, one])
    assert all(row_of(database, key).last_used_at for key in (one, other))


def test_unused_keys_are_those_that_are_valid_and_old(database: Database) -> None:
    never, long_ago, lately, new, revoked = (make_key(database)[0] for _ in range(5))
    old = "UPDATE api_keys SET created_at = now() - interval '100 d' WHERE id <> :id"
    sql(database, old, id=new)
    for key_id, days in ((long_ago, 95), (lately, 2)):
        sql(
            database,
            "UPDATE api_keys SET last_used_at = now() - make_interval(days => :d) WHERE id = :id",
            d=days,
            id=key_id,
        )
    with database.transaction() as session:
        api_keys.revoke(session, revoked)
        unused = api_keys.list_keys(session, unused_for=timedelta(days=90))
    assert [row.id for row, _ in unused] == [never, long_ago]
