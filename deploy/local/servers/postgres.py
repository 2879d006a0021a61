"""An embedded PostgreSQL 18, run as a foreground child."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql

from db.core.privileges import APP_ROLE, OWNER_ROLE
from deploy.local.servers.postgres_binaries import postgres_programs
from deploy.local.servers.process import Account, ServerStartError, free_port
from deploy.local.servers.secret_file import read_or_create_password

SUPERUSER = "bottega"
DATABASE = "postgres"
ROLES_FILE = Path(__file__).parents[2] / "postgres" / "roles.sql"
"""The file that creates the service's roles, here and on servers of an operator's own."""

UNPRIVILEGED_USERS = ("postgres", "nobody")
"""Users for a server that root starts, in order: PostgreSQL refuses to run as root."""

_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# Commits stay synchronous: the kernel keeps what the server wrote when the server is killed.
_FAST = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off"}


class EmbeddedPostgres:
    """A `ManagedProcess`: PostgreSQL on 127.0.0.1 with generated passwords, no Unix socket.

    `data_dir` contains the passwords (mode 0600) and `cluster`, PostgreSQL's own folder. When root
    starts the server, only `cluster` is given to an unprivileged user, who reaches it as its
    working directory. So that user needs no access to `data_dir` or the folders above it, and no
    permission is loosened. (`SHOW data_directory` then returns `/proc/self/cwd`.)

    Args:
        data_dir: created when missing; the same folder keeps the same data and password.
        port: TCP port on 127.0.0.1; None takes a free one.
        fast: trade durability for speed. For tests: a crash of the machine may lose everything,
            a crash of the server loses nothing.
    """

    name = "postgres"
    stop_signal = signal.SIGINT  # its "fast shutdown": SIGTERM would wait for clients to leave
    """Asks for a fast shutdown: sessions are ended, nothing committed is lost."""

    def __init__(self, data_dir: Path, port: int | None = None, *, fast: bool = False) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port or free_port()
        self._fast = fast

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the database `postgres`, with the superuser's password."""
        return self._url(SUPERUSER)

    @property
    def migration_url(self) -> str:
        """The URL with the role that owns the tables; `ensure_roles` creates it."""
        return self._url(OWNER_ROLE)

    @property
    def app_url(self) -> str:
        """The URL with the service's role; `ensure_roles` creates it."""
        return self._url(APP_ROLE)

    def _url(self, role: str) -> str:
        return (
            f"postgresql+psycopg://{role}:{self._password(role)}@127.0.0.1:{self.port}/{DATABASE}"
        )

    def _password(self, role: str) -> str:
        name = "password" if role == SUPERUSER else f"{role}.password"
        return read_or_create_password(self.data_dir / name)

    @property
    def _dsn(self) -> str:
        return self.url.replace("+psycopg", "", 1)

    def ensure_roles(self) -> None:
        """Create the service's roles, or hand them the tables of an earlier version.

        Raises:
            psycopg.Error: the server does not run, or refuses.
        """
        with psycopg.connect(self._dsn, connect_timeout=5) as connection:
            connection.execute(ROLES_FILE.read_bytes())
            for role in (OWNER_ROLE, APP_ROLE):
                # The verifier, so that the password is in no statement and no log.
                verifier = connection.pgconn.encrypt_password(
                    self._password(role).encode(), role.encode(), b"scram-sha-256"
                )
                connection.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                        sql.Identifier(role), sql.Literal(verifier.decode())
                    )
                )

    @property
    def working_directory(self) -> Path:
        """PostgreSQL's own folder."""
        return self.data_dir / "cluster"

    @property
    def account(self) -> Account | None:
        """The cluster's owner, or an unprivileged user; None unless root starts the server."""
        if os.geteuid() != 0:
            return None
        return _owner_of(self.working_directory) or _unprivileged_account()

    def prepare(self) -> None:
        """Run `initdb` the first time.

        Raises:
            ServerStartError: `initdb` failed, or the programs are missing.
        """
        if self.working_directory.exists():
            return
        # Renamed when complete: a start that is interrupted leaves no incomplete cluster.
        unfinished = self.data_dir / "cluster.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700, parents=True)
        self._initialise(unfinished)
        unfinished.rename(self.working_directory)

    def command(self) -> list[str]:
        """`postgres` in the foreground; settings on the command line apply at each start."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "100",
            "shared_buffers": "64MB",
            # Without these, the server's log quotes rows that it refuses, and so prompts.
            "log_error_verbosity": "terse",
            "log_parameter_max_length": "0",
            "log_parameter_max_length_on_error": "0",
            **(_FAST if self._fast else _DURABLE),
        }
        folder = _reachable_name(self.working_directory, self.account)
        options = [word for item in settings.items() for word in ("-c", "=".join(item))]
        return [str(postgres_programs(self.account) / "postgres"), "-D", folder, *options]

    def environment(self) -> dict[str, str]:
        """Nothing of the caller's environment: its `PG…` variables would change the server."""
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}

    def ready(self) -> bool:
        """True when a session opens."""
        try:
            psycopg.connect(self._dsn, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _initialise(self, folder: Path) -> None:
        account = self.account
        if account is not None:
            os.chown(folder, account.uid, account.gid)
        with tempfile.TemporaryFile() as password:
            password.write(self._password(SUPERUSER).encode())
            password.seek(0)
            if account is not None:  # that user opens /dev/stdin again
                os.fchown(password.fileno(), account.uid, account.gid)
            self._run_initdb(folder, account, password)

    def _run_initdb(self, folder: Path, account: Account | None, password: IO[bytes]) -> None:
        programs = postgres_programs(account)
        command = [
            *(str(programs / "initdb"), "-D", _reachable_name(folder, account)),
            *("--username", SUPERUSER, "--pwfile=/dev/stdin", "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *(["--no-sync"] if self._fast else []),
        ]
        result = subprocess.run(  # noqa: S603 - a program of the wheel
            command,
            stdin=password,
            capture_output=True,
            check=False,
            cwd=folder,
            env=self.environment(),
            text=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        if result.returncode != 0:
            raise ServerStartError(f"initdb failed:\n{result.stdout}{result.stderr}")


def _reachable_name(folder: Path, account: Account | None) -> str:
    # Another user may lack access to the folders above; a working directory needs no access there.
    if account is None or sys.platform != "linux":
        return str(folder)
    return "/proc/self/cwd"


def _owner_of(folder: Path) -> Account | None:
    if not folder.exists():
        return None
    status = folder.stat()
    return Account(status.st_uid, status.st_gid)


def _unprivileged_account() -> Account:
    for name in UNPRIVILEGED_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise ServerStartError(f"root cannot run PostgreSQL and no user of {UNPRIVILEGED_USERS} exists")
