"""Migrations: bring a database up to the newest schema."""

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config

import migrations
from db.core.session import driver_url

# Alembic keeps the running migration in module globals: one process may run one at a time. Two
# processes are kept apart by the advisory lock that migrations take.
_one_at_a_time = threading.Lock()


def migration_config(url: str) -> Config:
    """Alembic's settings for this project's migrations on one database."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    # attributes, not options: an option would be interpolated, and a password may hold a "%"
    config.attributes["url"] = driver_url(url).render_as_string(hide_password=False)
    return config


def upgrade(url: str) -> None:
    """Apply every missing migration. Several callers at once are safe: one of them does the work.

    Raises:
        sqlalchemy.exc.OperationalError: the database cannot be reached, or a lock was not obtained.
    """
    with _one_at_a_time:
        command.upgrade(migration_config(url), "head")
