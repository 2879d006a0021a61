"""Fresh databases, each a copy of a template that is migrated once."""

import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import Engine, create_engine, make_url, text

from db.core import migrate
from db.core.privileges import APP_ROLE

TEMPLATE = "bottega_template"
_END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"


class DatabaseMaker:
    """Creates and drops databases on one server.

    Args:
        server_url: SQLAlchemy's URL of a database of that server, as superuser.
    """

    def __init__(self, server_url: str) -> None:
        self._server_url = make_url(server_url)
        self._engine: Engine = create_engine(server_url, isolation_level="AUTOCOMMIT")
        self._retired: list[str] = []
        self._background = ThreadPoolExecutor(1)
        self._next: Future[str] | None = None

    def url_of(self, name: str) -> str:
        """The URL of a database by its name."""
        return self._server_url.set(database=name).render_as_string(hide_password=False)

    def make_template(self) -> None:
        """Migrate the database that `fresh` copies.

        Tests may add tiers of their own; the service may not.
        """
        self._run(f"CREATE DATABASE {TEMPLATE}")
        url = self.url_of(TEMPLATE)
        migrate.upgrade(url)
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text(f"GRANT INSERT ON tiers TO {APP_ROLE}"))
        engine.dispose()  # a template is copied only while nobody is connected

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """Create a migrated database; yield its URL, and drop it after the block."""
        name = (self._next or self._copy_soon()).result()
        # While this test runs, the next test's database is copied: copying mostly waits.
        self._next = self._copy_soon()
        try:
            yield self.url_of(name)
        finally:
            self._retired.append(name)

    def _copy_soon(self) -> "Future[str]":
        return self._background.submit(
            self._create, f"TEMPLATE {TEMPLATE} STRATEGY FILE_COPY", drop=True
        )

    def add_template(self, name: str) -> str:
        """Create an empty database that `copy_of` copies; its URL. It stays with the server."""
        self._run(f"CREATE DATABASE {name}")
        return self.url_of(name)

    def copy_of(self, name: str) -> AbstractContextManager[str]:
        """Copy a database without sessions; yield its URL, and drop it after the block."""
        return self._temporary(f"TEMPLATE {name} STRATEGY FILE_COPY")

    def empty(self) -> AbstractContextManager[str]:
        """Create a database without tables; yield its URL, and drop it after the block."""
        return self._temporary("")

    @contextmanager
    def _temporary(self, options: str) -> Iterator[str]:
        name = self._create(options, drop=False)
        try:
            yield self.url_of(name)
        finally:
            self._retired.append(name)

    def _create(self, options: str, *, drop: bool) -> str:
        name = f"test_{uuid.uuid4().hex}"
        self._run(f"CREATE DATABASE {name} {options}")
        if drop:
            self._drop_retired()
        return name

    def _drop_retired(self) -> None:
        # Right after its last test, dropping a database would wait until its sessions are gone.
        while self._retired:
            self._run(f"DROP DATABASE {self._retired.pop()} WITH (FORCE)")

    @contextmanager
    def away(self, url: str) -> Iterator[None]:
        """Let a database refuse all connections meanwhile, as a server that restarts does."""
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
        """Drop the remaining databases and close the connections to the server."""
        self._background.shutdown()
        self._drop_retired()
        self._engine.dispose()
