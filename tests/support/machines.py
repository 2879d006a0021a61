"""A service of two machines on shared servers, all of it on this one.

Each machine has an API, a courier and a fleet with a folder of its own; PostgreSQL, Redis and the
S3 server are shared. One supervisor acts as every machine's init: it restarts processes that die.
"""

import os
import secrets
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
from pydantic import SecretStr
from sqlalchemy import Row, Select, select
from sqlalchemy.exc import SQLAlchemyError

from db.core.migrate import upgrade
from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.storage.settings import StorageSettings
from db.tables import Job, Worker
from db.values.job_state import JobState
from deploy.cli.make_bucket import make_bucket
from deploy.local.processes import Program, api_program, courier_program
from deploy.local.servers.postgres import EmbeddedPostgres
from deploy.local.servers.process import free_port
from deploy.local.servers.redis import EmbeddedRedis
from deploy.local.supervisor import Supervisor
from tests.acceptance.stack import eventually
from tests.servers import swift

VARIANT = "flux.1-demo"
START_SECONDS = 300
"""Time limit for a worker to be ready: two load torch at once, on a loaded machine."""

MACHINES = ("north", "south")
_FLEET = f'[[workers]]\ndevice = "cpu"\nvariants = ["{VARIANT}"]\n'


@dataclass
class Machines:
    """Two machines' processes. Start them from the thread that then calls `watch`.

    Attributes:
        folder: the parent of the folders of servers and machines.
        workers_of: machines by the ids of their workers, including dead ones.
        pauses: seconds of interruption by each kill, by the killed process.
    """

    folder: Path
    supervisor: Supervisor = field(init=False)
    workers_of: dict[str, str] = field(default_factory=dict)
    pauses: dict[str, float] = field(default_factory=dict)
    _ports: Mapping[str, int] = field(default_factory=lambda: {n: free_port() for n in MACHINES})
    _database: Database | None = None
    _settings: Mapping[str, str] = field(default_factory=dict)
    _worker_redis_url: str = ""

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(self.folder / "logs")

    @property
    def urls(self) -> Sequence[str]:
        """The URLs of the machines' APIs."""
        return [f"http://127.0.0.1:{port}" for port in self._ports.values()]

    @property
    def database(self) -> Database:
        """The database that they share."""
        assert self._database is not None, "they were never started"
        return self._database

    def start(self) -> None:
        """Start everything; return when all of it answers."""
        postgres = EmbeddedPostgres(self.folder / "postgres")
        redis = EmbeddedRedis(self.folder / "redis")
        storage = self._start_servers(postgres, redis)
        postgres.ensure_roles()
        upgrade(postgres.migration_url)
        self._database = Database(DatabaseSettings(url=SecretStr(postgres.app_url), pool_size=4))
        self._settings = {
            "DATABASE_URL": postgres.app_url,
            "REDIS_URL": redis.api_url,
            "S3_BUCKET": str(storage.bucket),
            "S3_ENDPOINT_URL": str(storage.endpoint_url),
            "S3_ACCESS_KEY_ID": swift.ACCESS_KEY_ID,
            "S3_SECRET_ACCESS_KEY": swift.SECRET_ACCESS_KEY,
            "BOTTEGA_URL_SECRET": secrets.token_urlsafe(32),
            "BOTTEGA_TORCH_THREADS": "1",
            "BOTTEGA_LEASE_SECONDS": "5",
        }
        self._worker_redis_url = redis.worker_url
        self.supervisor.start(*(program for name in MACHINES for program in self._machine(name)))
        eventually(lambda: self.learn_workers() == set(MACHINES), seconds=START_SECONDS)

    def _start_servers(self, postgres: EmbeddedPostgres, redis: EmbeddedRedis) -> StorageSettings:
        disk = self.folder / "swift"
        disk.mkdir()
        ports = {kind: free_port() for kind in (*swift._STORAGE_KINDS, "proxy")}
        swift._configure(disk, ports)
        _shorten_suppression(disk / "proxy-server.conf")
        servers = [swift.SwiftProcess(kind, disk, port) for kind, port in ports.items()]
        self.supervisor.start(postgres, redis, *servers)
        storage = StorageSettings(
            bucket="pictures",
            endpoint_url=f"http://127.0.0.1:{ports['proxy']}",
            access_key_id=swift.ACCESS_KEY_ID,
            secret_access_key=SecretStr(swift.SECRET_ACCESS_KEY),
        )
        assert make_bucket(storage)
        assert not make_bucket(storage)
        return storage

    def _machine(self, name: str) -> list[Program]:
        folder = self.folder / name
        folder.mkdir()
        (folder / "fleet.toml").write_text(_FLEET)
        settings = {**self._settings, "BOTTEGA_ALIVE_FILE": str(folder / "alive")}
        at_work = settings | {"REDIS_URL": self._worker_redis_url}
        fleet = ["fleet", str(folder / "fleet.toml"), "--log-dir", str(folder / "logs")]
        return [
            replace(api_program(self._ports[name], settings), name=f"{name}-api"),
            replace(courier_program(at_work), name=f"{name}-courier"),
            Program(f"{name}-fleet", fleet, at_work),
        ]

    def learn_workers(self) -> set[str]:
        """Record the machine of each live worker; return the machines with a ready one."""
        fleets = {self.supervisor.pids[f"{name}-fleet"]: name for name in MACHINES}
        ready = set()
        rows = self.rows(select(Worker.id, Worker.pid, Worker.state))
        for worker_id, pid, state in rows:
            machine = fleets.get(_parent(pid))
            if machine is not None:
                self.workers_of[worker_id] = machine
            if machine is not None and state in {"ready", "busy"}:
                ready.add(machine)
        return ready

    def rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        """A query's rows; it is retried while the server restarts."""

        def answer() -> list[Sequence[Row[Any]]]:
            try:
                with self.database.transaction() as session:
                    return [session.execute(query).all()]
            except SQLAlchemyError:
                return []

        return eventually(answer)[0]

    def await_at_work(self, machine: str) -> None:
        """Wait until a worker of the machine runs a job."""
        running = select(Job.worker_id).where(Job.state == JobState.RUNNING)
        eventually(
            lambda: any(self.workers_of.get(worker) == machine for (worker,) in self.rows(running))
        )

    def kill_worker(self, machine: str) -> None:
        """Kill a machine's busy worker, and wait until its fleet has a ready one again."""
        self.await_at_work(machine)
        [pid] = _children(self.supervisor.pids[f"{machine}-fleet"])
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: pid not in _children(self.supervisor.pids[f"{machine}-fleet"]))
        eventually(lambda: self.learn_workers() == set(MACHINES), seconds=START_SECONDS)

    def kill(self, name: str, by: signal.Signals = signal.SIGKILL) -> None:
        """Kill a process as a crash does, and wait until another runs in its place."""
        old = self.supervisor.pids[name]
        os.kill(old, by)
        eventually(lambda: self.supervisor.pids[name] != old)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start everything; stop all of it at the end of the block, also after an error."""
        try:
            self.start()
            yield
        finally:
            if self._database is not None:
                self._database.close()
            self.supervisor.stop()

    def watch(self, stopping: threading.Event) -> None:
        """Restart processes that die, until `stopping` is set."""
        self.supervisor.watch(stopping)


def _shorten_suppression(configuration: Path) -> None:
    """Shorten Swift's suppression of a node that failed: a minute, and here there is no other."""
    text = configuration.read_text()
    found = "use = egg:swift#proxy\n"
    assert found in text
    configuration.write_text(text.replace(found, f"{found}error_suppression_interval = 3\n"))


def _parent(pid: int) -> int:
    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:  # it has ended
        return 0


def _children(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:  # it restarts
        return []
