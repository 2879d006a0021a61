"""The servers that a process depends on: "ok", or "away"."""

from collections.abc import Callable, Mapping

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from db.core.session import Database
from workers.messaging.queue import QueueNotifier


def server_checks(database: Database, notifier: QueueNotifier) -> Callable[[], Mapping[str, str]]:
    """A function that asks each server."""

    def load() -> Mapping[str, str]:
        return {
            "database": _database(database),
            "redis": "ok" if notifier.answers() else "away",
        }

    return load


def _database(database: Database) -> str:
    try:
        with database.transaction(durable=False) as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return "away"
    return "ok"
