"""Connections and transactions."""

import math
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, cached_property

import psycopg
from psycopg.errors import IdleInTransactionSessionTimeout
from sqlalchemy import URL, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from db.core.settings import DatabaseSettings

FRESH_SECONDS = 1.0
"""A connection used within this time is taken to be whole still."""


def driver_url(url: str) -> URL:
    """The URL with the one driver that is installed, whatever scheme the operator wrote."""
    return make_url(url).set(drivername="postgresql+psycopg")


class Database:
    """Two pools on one database: commits that wait for the disk, and commits that need not.

    A submission and a completion are synced before anyone is told. A claim, a heartbeat or a
    progress mark may be lost in a crash of the server: the lease runs out and the fence refuses
    the late result, so nothing depends on them.
    """

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings

    @cached_property
    def _durable(self) -> sessionmaker[Session]:
        return self._sessions(synchronous_commit="on")

    @cached_property
    def _relaxed(self) -> sessionmaker[Session]:
        return self._sessions(synchronous_commit="off")

    def _sessions(self, *, synchronous_commit: str) -> sessionmaker[Session]:
        return sessionmaker(self._engine(synchronous_commit), expire_on_commit=False)

    def _engine(self, synchronous_commit: str) -> Engine:
        settings = self._settings
        options = {
            "synchronous_commit": synchronous_commit,
            "statement_timeout": int(settings.statement_timeout_seconds * 1000),
            "lock_timeout": int(settings.lock_timeout_seconds * 1000),
            "idle_in_transaction_session_timeout": int(settings.idle_timeout_seconds * 1000),
            "timezone": "UTC",
            "jit": "off",  # its compile time exceeds what our short statements take
            # Each statement has its index, whatever the values: planning anew took as long as
            # many a statement does.
            "plan_cache_mode": "force_generic_plan",
        }
        engine = create_engine(
            driver_url(settings.url.get_secret_value()),
            pool_size=settings.pool_size,
            max_overflow=settings.pool_size,
            pool_timeout=settings.pool_timeout_seconds,
            hide_parameters=True,
            connect_args={
                "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
                "connect_timeout": settings.connect_timeout_seconds,
                "application_name": "bottega",
            },
        )
        event.listen(engine, "checkin", _note_the_time)
        event.listen(engine, "checkout", _try_what_was_idle)
        event.listen(engine, "handle_error", _leave_out_details)
        event.listen(engine, "handle_error", _say_that_it_ended)
        return engine

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Session]:
        """A session whose work commits when the block ends, and rolls back when it raises.

        Args:
            durable: wait for the disk at commit.
        """
        sessions = self._durable if durable else self._relaxed
        with sessions.begin() as session:
            yield session

    @contextmanager
    def single_statements(self, *, durable: bool = False) -> Iterator[Session]:
        """A session in which every statement is a transaction of its own.

        For reads, and for changes that are one statement: it saves two round trips in three.

        Args:
            durable: wait for the disk at every change.
        """
        sessions = self._durable if durable else self._relaxed
        with sessions(bind=_committing_at_once(sessions.kw["bind"])) as session:
            yield session

    def apart(self) -> "Database":
        """The same database over a connection of one's own, for what must never queue for one."""
        return Database(self._settings.model_copy(update={"pool_size": 1}))

    def close(self) -> None:
        """Close every pooled connection."""
        for name in ("_durable", "_relaxed"):
            if name in self.__dict__:
                self.__dict__[name].kw["bind"].dispose()


@cache
def _committing_at_once(engine: Engine) -> Engine:
    """The same pool, whose connections commit every statement."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _note_the_time(_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = time.monotonic()


def _try_what_was_idle(
    connection: psycopg.Connection,
    record: ConnectionPoolEntry,
    _proxy: PoolProxiedConnection,
) -> None:
    """Find out that a server was restarted before a statement does; the pool then reconnects.

    One that has just been used, and on which the server has said nothing since, is not tried:
    under load that was one round trip in four.
    """
    fresh = time.monotonic() - record.info.get("used_at", math.inf) < FRESH_SECONDS
    if fresh and not _has_been_told_something(connection):
        return
    try:
        connection.execute("")
        connection.rollback()
    except psycopg.Error as error:
        raise DisconnectionError from error


def _has_been_told_something(connection: psycopg.Connection) -> bool:
    """Whether something waits to be read; of a server that went away, at least the end does."""
    try:
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        return bool(poll.poll(0))
    except (OSError, psycopg.Error):  # closed at this end
        return True


def _leave_out_details(context: ExceptionContext) -> None:
    """Keep of a server's error its first line: the next quotes the row that it refused.

    Errors end in logs, and rows hold prompts and addresses.
    """
    original, wrapped = context.original_exception, context.sqlalchemy_exception
    first_line = original.diag.message_primary if isinstance(original, psycopg.Error) else None
    if first_line is None:
        return
    if wrapped is not None:
        wrapped.args = (str(wrapped.args[0]).replace(str(original), first_line),)
    original.args = (first_line,)


def _say_that_it_ended(context: ExceptionContext) -> OperationalError | None:
    """The server ended an idle session, under a class of errors that are the program's own."""
    error = context.original_exception
    if not isinstance(error, IdleInTransactionSessionTimeout):
        return None
    context.is_disconnect = True
    return OperationalError(context.statement, None, error)
