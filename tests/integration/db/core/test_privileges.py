"""The service's role: exactly the privileges of one table in the code, and no way around them."""

from collections import defaultdict
from collections.abc import Iterator

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from db.core import migrate
from db.core.base import Base
from db.core.privileges import (
    APP_ROLE,
    APPEND_ONLY,
    OWNER_ROLE,
    PRIVILEGES,
    excess_powers,
    grant_privileges,
)
from db.core.session import Database
from db.core.settings import DatabaseSettings
from deploy.local.servers.postgres import ROLES_FILE, EmbeddedPostgres
from tests.support.databases import DatabaseMaker
from tests.support.jobs import add_tenant, complete, running, sql

POSSIBLE = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")


@pytest.fixture
def roles_url(database_maker: DatabaseMaker) -> Iterator[str]:
    """An empty database, as superuser, in which the file that operators run was run."""
    with database_maker.empty() as url:
        run_roles_file(url)
        yield url


def run_roles_file(url: str) -> None:
    """Run the file that creates the roles."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(ROLES_FILE.read_bytes())


def as_role(url: str, role_url: str) -> str:
    """The URL of a database with the role and password of another URL."""
    own = make_url(url).database
    return make_url(role_url).set(database=own).render_as_string(hide_password=False)


def privileges_of(database: Database) -> dict[str, set[str]]:
    """The privileges of the connection's role by table; without tables for which it has none."""
    found = defaultdict(set)
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    for (table,) in sql(database, query):
        for privilege in POSSIBLE:
            asked = f"SELECT has_table_privilege('{table}', '{privilege}')"
            if sql(database, asked) == [(True,)]:
                found[table].add(privilege)
    return dict(found)


def test_every_table_has_its_privileges_in_the_code() -> None:
    assert set(PRIVILEGES) == {*Base.metadata.tables, "alembic_version"}
    assert set(PRIVILEGES) >= APPEND_ONLY


def test_the_service_has_exactly_the_privileges_of_the_code(
    database: Database, owner_database: Database
) -> None:
    sql(owner_database, f"REVOKE INSERT ON tiers FROM {APP_ROLE}")  # the tests' own addition
    assert privileges_of(database) == PRIVILEGES


def test_a_migration_takes_back_what_was_granted_by_hand(
    database: Database, owner_database: Database
) -> None:
    sql(owner_database, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {APP_ROLE}")
    with owner_database.transaction() as session:
        grant_privileges(session.connection())
    assert privileges_of(database) == PRIVILEGES


REWRITES = (
    "MERGE INTO {} USING tenants ON true WHEN MATCHED THEN DELETE",
    "DELETE FROM {}",
    "TRUNCATE {}",
    "TRUNCATE tenants CASCADE",
    "ALTER TABLE {} DISABLE TRIGGER USER",
    "ALTER TABLE {} DISABLE TRIGGER ALL",
    "DROP TRIGGER {}_append_only ON {}",
    "ALTER TABLE {} OWNER TO CURRENT_USER",
    "SET session_replication_role = replica",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE sql AS ''",
    "DROP TABLE {}",
)


def test_the_service_cannot_rewrite_the_books_in_any_way(database: Database) -> None:
    complete(
        database, running(database, add_tenant(database, images_per_month=0, credit_micros=5_000))
    )
    for table in sorted(APPEND_ONLY):
        before = sql(database, f"SELECT * FROM {table}")  # noqa: S608
        for change in REWRITES:
            with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
                sql(database, change.format(table, table))
        assert sql(database, f"SELECT * FROM {table}") == before  # noqa: S608


ESCAPES = (
    "CREATE TABLE mine ()",
    "CREATE TEMPORARY TABLE mine ()",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE ROLE mine",
    "ALTER TABLE jobs ADD COLUMN mine int",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "COPY jobs TO PROGRAM 'true'",
    "COPY jobs TO '/nonexistent/jobs'",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT * FROM pg_authid",
    f"SET ROLE {OWNER_ROLE}",
    "DELETE FROM tenants",
    "INSERT INTO alembic_version VALUES ('9999')",
)


def test_the_service_cannot_leave_its_place(roles_url: str, postgres: EmbeddedPostgres) -> None:
    migrate.upgrade(as_role(roles_url, postgres.migration_url))
    own_url = SecretStr(as_role(roles_url, postgres.app_url))
    database = Database(DatabaseSettings(url=own_url, pool_size=1))
    for statement in ESCAPES:
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
            sql(database, statement)
    database.close()


def test_a_database_of_one_role_is_taken_over_with_its_rows(
    database_maker: DatabaseMaker, postgres: EmbeddedPostgres
) -> None:
    with database_maker.empty() as url:
        migrate.upgrade(url)
        for _ in range(2):
            run_roles_file(url)
        migrate.upgrade(as_role(url, postgres.migration_url))
        engine = create_engine(url)
        with engine.connect() as connection:
            owners = connection.scalars(
                text("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
            ).all()
            tiers = connection.scalar(text("SELECT count(*) FROM tiers"))
        engine.dispose()
        assert (owners, tiers) == ([OWNER_ROLE], 3)


def test_excess_powers_are_named(
    database: Database, owner_database: Database, roles_url: str, postgres: EmbeddedPostgres
) -> None:
    with database.transaction() as session:
        assert excess_powers(session.connection()) == []
    with owner_database.transaction() as session:
        assert excess_powers(session.connection())[0] == "is a superuser"
    migration_url = as_role(roles_url, postgres.migration_url)
    migrate.upgrade(migration_url)
    engine = create_engine(migration_url)
    with engine.connect() as connection:
        powers = excess_powers(connection)
    engine.dispose()
    assert powers == ["owns the tables", "may change the ledgers", "may change the schema"]
    sql(owner_database, f"GRANT UPDATE ON usage_events TO {APP_ROLE}")
    with database.transaction() as session:
        assert excess_powers(session.connection()) == ["may change the ledgers"]
