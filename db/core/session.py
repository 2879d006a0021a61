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
"""A connection that was used within this time is assumed to be intact."""


def driver_url(url: str) -> URL:
    """The URL with the scheme of the one driver that is installed."""
    return make_url(url).set(drivername="postgresql+psycopg")


class Database:
    """Two pools of connections: one whose commits wait for the disk, one whose commits do not.

    A submission and a completion are on disk before the caller gets its response. A claim, a
    heartbeat or a progress report may be lost when the server crashes. Nothing depends on them:
    the lease runs out, and the fence refuses the late result.
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
            # Each statement has its index for all values: to plan it again each time took as
            # long as many statements take to run.
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
        event.listen(engine, "checkin", _record_use)
        event.listen(engine, "checkout", _test_idle_connection)
        event.listen(engine, "handle_error", _redact_details)
        event.listen(engine, "handle_error", _report_idle_timeout)
        return engine

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Session]:
        """Open a session; its transaction commits when the block ends, and rolls back on an error.

        Args:
            durable: wait for the disk at commit.
        """
        sessions = self._durable if durable else self._relaxed
        with sessions.begin() as session:
            yield session

    @contextmanager
    def autocommit(self, *, durable: bool = False) -> Iterator[Session]:
        """Open a session in which every statement is a transaction of its own.

        It is for reads, and for changes of one statement: it saves two of three round trips.

        Args:
            durable: wait for the disk after every change.
        """
        sessions = self._durable if durable else self._relaxed
        with sessions(bind=_autocommit_engine(sessions.kw["bind"])) as session:
            yield session

    def with_own_connection(self) -> "Database":
        """The same database over a pool of one, for a caller that must never wait for a pool."""
        return Database(self._settings.model_copy(update={"pool_size": 1}))

    def close(self) -> None:
        """Close every pooled connection."""
        for name in ("_durable", "_relaxed"):
            if name in self.__dict__:
                self.__dict__[name].kw["bind"].dispose()


@cache
def _autocommit_engine(engine: Engine) -> Engine:
    """The same pool, with connections that commit every statement."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _record_use(_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = time.monotonic()


def _test_idle_connection(
    connection: psycopg.Connection,
    record: ConnectionPoolEntry,
    _proxy: PoolProxiedConnection,
) -> None:
    """Test an idle connection before use; when the server was restarted, the pool reconnects.

    A connection that was used a moment ago, and has no unread input since, is not tested: under
    load the tests were one round trip in four.
    """
    fresh = time.monotonic() - record.info.get("used_at", math.inf) < FRESH_SECONDS
    if fresh and not _has_unread_input(connection):
        return
    try:
        connection.execute("")
        connection.rollback()
    except psycopg.Error as error:
        raise DisconnectionError from error


def _has_unread_input(connection: psycopg.Connection) -> bool:
    """True when input waits to be read; a server that went away leaves at least an end of file."""
    try:
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        return bool(poll.poll(0))
    except (OSError, psycopg.Error):  # closed at this end
        return True


def _redact_details(context: ExceptionContext) -> None:
    """Cut a server's error to its first line, since the next one quotes the refused row.

    Errors end up in logs, and rows hold prompts and addresses.
    """
    original, wrapped = context.original_exception, context.sqlalchemy_exception
    first_line = original.diag.message_primary if isinstance(original, psycopg.Error) else None
    if first_line is None:
        return
    if wrapped is not None:
        wrapped.args = (str(wrapped.args[0]).replace(str(original), first_line),)
    original.args = (first_line,)


def _report_idle_timeout(context: ExceptionContext) -> OperationalError | None:
    """Report a session that the server ended for idleness as a lost connection.

    The driver raises it under a class that stands for errors of the program.
    """
    error = context.original_exception
    if not isinstance(error, IdleInTransactionSessionTimeout):
        return None
    context.is_disconnect = True
    return OperationalError(context.statement, None, error)
