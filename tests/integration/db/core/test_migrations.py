"""The migrations: from nothing to what the tables say, by however many at once."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from alembic import command
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError

from db.core import migrate
from db.core.base import Base
from db.core.session import Database
from db.tables import Job
from tests.support.databases import DatabaseMaker
from tests.support.jobs import add_tenant, complete, running, sql
from tests.support.waiting import at_once

LOOKS = {
    "columns": """
        SELECT table_name, column_name, data_type, is_nullable, column_default, identity_generation
        FROM information_schema.columns WHERE table_schema = 'public'""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 't'""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
}


@pytest.fixture
def empty_url(database_maker: DatabaseMaker) -> Iterator[str]:
    """The URL of a database without tables."""
    with database_maker.empty() as url:
        yield url


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query, in order."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = sorted(map(tuple, connection.execute(text(query))), key=repr)
    engine.dispose()
    return found


def tables(url: str) -> set[str]:
    """The names of a database's tables."""
    return {
        row[0] for row in rows(url, "SELECT tablename FROM pg_tables WHERE schemaname='public'")
    }


def test_an_empty_database_gets_every_table(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    assert tables(empty_url) == {*Base.metadata.tables, "alembic_version"}


def test_alembic_finds_nothing_to_add_to_the_migrations(owner_url: str) -> None:
    command.check(migrate.migration_config(owner_url))


@pytest.mark.parametrize("look", LOOKS)
def test_migrated_tables_are_those_that_the_code_declares(
    owner_url: str, empty_url: str, look: str
) -> None:
    engine = create_engine(empty_url)
    Job.metadata.create_all(engine)
    engine.dispose()
    migrated = [row for row in rows(owner_url, LOOKS[look]) if "alembic_version" not in row[0]]
    assert migrated == rows(empty_url, LOOKS[look])


def test_upgrading_again_changes_nothing(database: Database, owner_url: str) -> None:
    tenant_id = add_tenant(database, tier="free")
    migrate.upgrade(owner_url)
    assert sql(database, "SELECT id FROM tenants") == [(tenant_id,)]


def test_many_threads_may_upgrade_at_once(empty_url: str) -> None:
    at_once([lambda: migrate.upgrade(empty_url)] * 4)
    assert tables(empty_url) >= set(Base.metadata.tables)
    assert rows(empty_url, "SELECT count(*) FROM tiers") == [(3,)]


def test_several_processes_may_upgrade_at_once(empty_url: str) -> None:
    program = "import sys; from db.core import migrate; input(); migrate.upgrade(sys.argv[1])"
    migrators = [
        subprocess.Popen([sys.executable, "-c", program, empty_url], stdin=subprocess.PIPE)  # noqa: S603
        for _ in range(2)
    ]
    at_once([lambda process=process: process.communicate(b"\n", 60) for process in migrators])
    assert [migrator.returncode for migrator in migrators] == [0, 0]
    assert rows(empty_url, "SELECT count(*) FROM tiers") == [(3,)]


def test_a_migration_can_be_undone_and_applied_again(empty_url: str) -> None:
    migrate.upgrade(empty_url)
    command.downgrade(migrate.migration_config(empty_url), "base")
    assert tables(empty_url) == {"alembic_version"}
    migrate.upgrade(empty_url)
    assert tables(empty_url) == {*Base.metadata.tables, "alembic_version"}


def test_a_password_may_hold_any_character(database_maker: DatabaseMaker, empty_url: str) -> None:
    password = "50%(off) @/:ü"
    name = make_url(empty_url).database
    engine = create_engine(empty_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(
            f"CREATE ROLE odd LOGIN SUPERUSER PASSWORD '{password.replace('%', '%%')}'"
        )
        try:
            odd = make_url(database_maker.url_of(name or "")).set(username="odd", password=password)
            migrate.upgrade(odd.render_as_string(hide_password=False))
        finally:
            connection.exec_driver_sql("REASSIGN OWNED BY odd TO bottega; DROP ROLE odd")
    engine.dispose()
    assert "jobs" in tables(empty_url)


def test_a_database_that_is_away_is_told_as_such() -> None:
    with pytest.raises(OperationalError):
        migrate.upgrade("postgresql://nobody:nothing@127.0.0.1:1/none")


@pytest.mark.parametrize("table", ["ledger_entries", "usage_events"])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE {} SET amount_micros = 0",
        "DELETE FROM {}",
        "TRUNCATE {}",
        "TRUNCATE tenants CASCADE",
    ],
)
def test_the_books_are_append_only_even_for_their_owner(
    database: Database, owner_database: Database, table: str, change: str
) -> None:
    tenant_id = add_tenant(database, images_per_month=0, credit_micros=5_000)
    complete(database, running(database, tenant_id))
    before = sql(database, f"SELECT * FROM {table}")  # noqa: S608
    assert before
    with pytest.raises(DBAPIError, match="append-only"):
        sql(owner_database, change.format(table))
    assert sql(database, f"SELECT * FROM {table}") == before  # noqa: S608


def test_a_worker_of_before_kinds_stores_an_image(database: Database) -> None:
    complete(database, running(database, add_tenant(database)))
    columns = "n, attempt, key, media_type, bytes, sha256, width, height"
    sql(
        database,
        f"INSERT INTO artifacts (job_id, {columns}) "  # noqa: S608
        "SELECT id, 0, attempt, 'k', 'image/png', 1, 'ab', 1, 1 FROM jobs",
    )
    assert sql(database, "SELECT kind, about FROM artifacts") == [("image", {})]
    with pytest.raises(DBAPIError, match="kind_known"):
        sql(database, "UPDATE artifacts SET kind = 'video'")


def test_three_tiers_are_there_from_the_beginning(database: Database) -> None:
    columns = (
        "name, weight, max_in_flight, max_priority, images_per_month, analyses_per_month, "
        "requests_per_minute, max_stored_bytes"
    )
    assert sql(database, f"SELECT {columns} FROM tiers ORDER BY weight") == [  # noqa: S608
        ("free", 1.0, 20, "normal", 100, 500, 3_000, 10**9),
        ("standard", 4.0, 1_000, "high", 100, 500, 12_000, 50 * 10**9),
        ("enterprise", 16.0, 100_000, "high", 1_000, 5_000, 60_000, 10**12),
    ]


POISONED = """
INSERT INTO tiers (name, weight, max_in_flight, max_priority, images_per_month, analyses_per_month)
    VALUES ('tiny', 5e-324, 9, 'high', 9, 9), ('huge', 'Infinity', 9, 'high', 9, 9);
INSERT INTO tenants (id, name, tier, balance_micros, balance_held_micros, in_flight)
    VALUES ('ten_1', 'one', 'tiny', 0, 0, 0), ('ten_2', 'two', 'standard', 0, 0, 0);
INSERT INTO queues (variant, virtual_time) VALUES ('broken', 'NaN'), ('sound', 7);
INSERT INTO fair_tags (variant, tenant_id, finish) VALUES
    ('broken', 'ten_1', 'NaN'), ('broken', 'ten_2', 'NaN'), ('sound', 'ten_2', 8);
INSERT INTO jobs (id, tenant_id, variant, state, priority, input, metadata, batch_key, batch_limit,
    cost_seconds, fair_share, fair_start, attempt, max_attempts, deadline_seconds, progress_step,
    progress_steps, unit_kind, units, price_micros, covered_by, finished_at)
SELECT id, tenant_id, variant, state, 'normal', '{}', '{}', 'alone', 1, 2, share, start, 0, 3, 60,
    0, 0, 'images', 1, 1, 'allowance', CASE state WHEN 'canceled' THEN now() END
FROM (VALUES
    ('job_1', 'ten_1', 'broken', 'queued', 'Infinity'::float, 'NaN'::float),
    ('job_2', 'ten_2', 'broken', 'queued', 0.5, 'NaN'),
    ('job_3', 'ten_2', 'broken', 'queued', 0.5, 'NaN'),
    ('job_4', 'ten_2', 'broken', 'canceled', 'Infinity', 'NaN'),
    ('job_5', 'ten_2', 'sound', 'queued', 1, 7)
) AS jobs (id, tenant_id, variant, state, share, start)
"""


def test_a_fair_share_that_was_poisoned_is_mended(empty_url: str) -> None:
    command.upgrade(migrate.migration_config(empty_url), "0016_failed_by_model")
    engine = create_engine(empty_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(POISONED)
    engine.dispose()
    migrate.upgrade(empty_url)
    assert rows(empty_url, "SELECT name, weight FROM tiers WHERE name IN ('tiny', 'huge')") == [
        *(("huge", 1e6), ("tiny", 0.001))
    ]
    assert rows(empty_url, "SELECT variant, virtual_time FROM queues") == [
        *(("broken", 0.0), ("sound", 7.0))
    ]
    assert rows(empty_url, "SELECT id, fair_share, fair_start FROM jobs") == [
        *(("job_1", 2000.0, 0.0), ("job_2", 0.5, 0.0), ("job_3", 0.5, 0.5)),
        *(("job_4", 0.0, 0.0), ("job_5", 1.0, 7.0)),
    ]
    assert rows(empty_url, "SELECT variant, tenant_id, finish FROM fair_tags") == [
        *(("broken", "ten_1", 2000.0), ("broken", "ten_2", 1.0), ("sound", "ten_2", 8.0))
    ]
