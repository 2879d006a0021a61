"""Bringing a database up to the newest migration."""

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config

import migrations
from db.core.session import driver_url

# Alembic keeps the running migration in module globals, so one process runs one at a time; the
# advisory lock that migrations take keeps processes apart.
_one_at_a_time = threading.Lock()


def migration_config(url: str) -> Config:
    """Alembic's settings for this project's migrations on one database."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    # attributes, not options: an option would be interpolated, and a password may hold a "%"
    config.attributes["url"] = driver_url(url).render_as_string(hide_password=False)
    return config


def upgrade(url: str) -> None:
    """Apply every migration that is missing; at once from several places, one of them does it.

    Raises:
        sqlalchemy.exc.OperationalError: the database cannot be reached or a lock not be had.
    """
    with _one_at_a_time:
        command.upgrade(migration_config(url), "head")
