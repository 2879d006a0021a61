"""Connections: which commits wait for the disk, how long anything may take, what a crash undoes."""

import traceback

import pytest
from psycopg.errors import CheckViolation
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import (
    IntegrityError,
    OperationalError,
    TimeoutError,  # noqa: A004 - SQLAlchemy's name
)

from db.core.session import Database, driver_url
from db.core.settings import DatabaseSettings
from tests.support.jobs import add_tenant, counts, sql, submit
from tests.support.waiting import await_true


def settings(url: str, **changes: float) -> DatabaseSettings:
    """Settings for a database, with these changes."""
    return DatabaseSettings(url=SecretStr(url), **changes)


@pytest.mark.parametrize(
    "url",
    ["postgresql://u:p%25@h:1/d", "postgres://u:p%25@h:1/d", "postgresql+psycopg://u:p%25@h:1/d"],
)
def test_any_scheme_of_the_operator_s_is_taken(url: str) -> None:
    taken = driver_url(url)
    assert taken.drivername == "postgresql+psycopg"
    assert (taken.username, taken.password, taken.host, taken.database) == ("u", "p%", "h", "d")


@pytest.mark.parametrize(("durable", "expected"), [(True, "on"), (False, "off")])
def test_a_commit_waits_for_the_disk_when_it_must(
    database: Database, *, durable: bool, expected: str
) -> None:
    with database.transaction(durable=durable) as session:
        assert session.scalar(text("SHOW synchronous_commit")) == expected
        assert session.scalar(text("SHOW timezone")) == "UTC"


def test_work_is_undone_when_its_block_raises(database: Database) -> None:
    tenant_id = add_tenant(database)

    def change_and_fail() -> None:
        with database.transaction() as session:
            session.execute(text("UPDATE tenants SET name = 'changed'"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_and_fail()
    assert sql(database, "SELECT id, name FROM tenants") == [(tenant_id, "someone")]


def test_a_statement_that_takes_too_long_is_ended(database_url: str) -> None:
    impatient = Database(settings(database_url, statement_timeout_seconds=0.1))
    with pytest.raises(OperationalError, match="statement timeout"), impatient.transaction() as own:
        own.execute(text("SELECT pg_sleep(30)"))
    impatient.close()


def test_a_lock_that_is_held_too_long_is_given_up(database: Database, database_url: str) -> None:
    job_id = submit(database, add_tenant(database))
    impatient = Database(settings(database_url, lock_timeout_seconds=0.1))
    lock = text("SELECT 1 FROM jobs WHERE id = :id FOR UPDATE")
    with database.transaction() as holder:
        holder.execute(lock, {"id": job_id})
        with pytest.raises(OperationalError, match="lock timeout"), impatient.transaction() as own:
            own.execute(lock, {"id": job_id})
    impatient.close()


def test_a_connection_is_waited_for_no_longer_than_said(database_url: str) -> None:
    small = Database(settings(database_url, pool_size=1, pool_timeout_seconds=0.1))
    with small.transaction() as one, small.transaction() as other:
        assert one.scalar(text("SELECT 1")) == other.scalar(text("SELECT 1"))
        with pytest.raises(TimeoutError), small.transaction() as third:
            third.scalar(text("SELECT 1"))
    small.close()


def test_autocommit_makes_each_statement_a_transaction(database: Database) -> None:
    tenant_id = add_tenant(database)

    def change_and_fail() -> None:
        with database.autocommit() as session:
            assert session.scalar(text("SHOW synchronous_commit")) == "off"
            session.execute(text("UPDATE tenants SET name = 'changed'"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_and_fail()
    assert sql(database, "SELECT id, name FROM tenants") == [(tenant_id, "changed")]
    with database.transaction(durable=False) as session:  # the connection is as it was
        session.execute(text("UPDATE tenants SET name = 'again'"))
        session.rollback()
    assert sql(database, "SELECT name FROM tenants") == [("changed",)]


@pytest.mark.parametrize("fresh_seconds", [0.0, 3600.0])
def test_a_broken_connection_is_replaced_unnoticed(
    database: Database, monkeypatch: pytest.MonkeyPatch, fresh_seconds: float
) -> None:
    monkeypatch.setattr("db.core.session.FRESH_SECONDS", fresh_seconds)
    counts(database, "jobs")
    with database.transaction(durable=False) as session:
        others = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        )
        session.execute(text(others + " AND datname = current_database()"))
    assert counts(database, "jobs") == [0]


def test_closing_leaves_no_connection(database: Database, database_url: str) -> None:
    own = Database(settings(database_url))
    for durable in (True, False):
        with own.transaction(durable=durable) as session:
            session.execute(text("SELECT 1"))
    there = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    assert sql(database, there) == [(3,)]
    own.close()
    assert await_true(lambda: sql(database, there) == [(1,)])


def test_the_password_is_not_shown() -> None:
    shown = repr(settings("postgresql://u:secret@h/d"))
    assert "secret" not in shown


def test_an_error_of_the_server_quotes_no_row(database: Database) -> None:
    tenant_id = add_tenant(database)
    secret = "zq-a-secret-name"
    statement = "UPDATE tenants SET name = :name, in_flight = -1 WHERE id = :id"
    with pytest.raises(IntegrityError, match="in_flight_not_negative") as caught:
        sql(database, statement, name=secret, id=tenant_id)
    assert isinstance(caught.value.orig, CheckViolation)
    told = "".join(traceback.format_exception(caught.value))
    assert "in_flight_not_negative" in told
    assert secret not in told
    assert tenant_id not in told
