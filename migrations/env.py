"""Alembic's environment: one transaction, bounded waits, one migrator at a time, then grants."""

from alembic import context
from sqlalchemy import NullPool, create_engine, text

from db.core.privileges import grant_privileges
from db.tables import Job

_MIGRATION_LOCK = 0x626F7474  # any constant; two migrators must agree on it


def migrate() -> None:
    """Run the migrations that Alembic chose."""
    engine = create_engine(context.config.attributes["url"], poolclass=NullPool)
    with engine.connect() as connection, connection.begin():
        # A migration must never wait long for a reader: all other statements would wait behind it.
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        connection.execute(text("SET LOCAL statement_timeout = '10min'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        context.configure(connection=connection, target_metadata=Job.metadata)
        context.run_migrations()
        grant_privileges(connection)


migrate()
