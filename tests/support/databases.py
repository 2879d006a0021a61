"""Fresh databases, each a copy of one that was migrated once."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, make_url, text

from db.core import migrate

TEMPLATE = "bottega_template"
_END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"


class DatabaseMaker:
    """Makes and drops databases on one server.

    Args:
        server_url: SQLAlchemy's URL of a database of that server, as superuser.
    """

    def __init__(self, server_url: str) -> None:
        self._server_url = make_url(server_url)
        self._engine: Engine = create_engine(server_url, isolation_level="AUTOCOMMIT")
        self._retired: list[str] = []

    def url_of(self, name: str) -> str:
        """The URL of a database by its name."""
        return self._server_url.set(database=name).render_as_string(hide_password=False)

    def make_template(self) -> None:
        """Migrate the database that `fresh` copies."""
        self._run(f"CREATE DATABASE {TEMPLATE}")
        migrate.upgrade(self.url_of(TEMPLATE))

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The URL of a migrated database of one's own, dropped some time afterwards."""
        with self._new(f"TEMPLATE {TEMPLATE} STRATEGY FILE_COPY") as url:
            yield url

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The URL of a database without tables, dropped some time afterwards."""
        with self._new("") as url:
            yield url

    @contextmanager
    def _new(self, options: str) -> Iterator[str]:
        name = f"test_{uuid.uuid4().hex}"
        self._run(f"CREATE DATABASE {name} {options}")
        self._drop_retired()
        try:
            yield self.url_of(name)
        finally:
            self._retired.append(name)

    def _drop_retired(self) -> None:
        # Dropped right after its last test, a database is waited for until its sessions are gone.
        while self._retired:
            self._run(f"DROP DATABASE {self._retired.pop()} WITH (FORCE)")

    @contextmanager
    def away(self, url: str) -> Iterator[None]:
        """Let a database refuse everyone for a while, as a server that is restarting does."""
        name = make_url(url).database
        self._run(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        self._run(_END_SESSIONS, name=name)
        try:
            yield
        finally:
            self._run(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")

    def _run(self, statement: str, **values: object) -> None:
        with self._engine.connect() as connection:
            connection.execute(text(statement), values)

    def close(self) -> None:
        """Drop what is left and close the connections to the server."""
        self._drop_retired()
        self._engine.dispose()
