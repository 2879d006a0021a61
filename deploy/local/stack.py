"""Everything on one machine: PostgreSQL, Redis, store, API, worker and courier, supervised."""

import fcntl
import json
import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pydantic import SecretStr

from db.core.migrate import upgrade
from db.core.session import Database
from db.core.settings import DatabaseSettings
from deploy.local import credentials
from deploy.local.credentials import Credentials
from deploy.local.processes import api_program, courier_program, worker_program
from deploy.local.prometheus_targets import TARGETS_FILE, metrics_urls, write_targets
from deploy.local.servers.postgres import EmbeddedPostgres
from deploy.local.servers.process import ManagedProcess, free_port
from deploy.local.servers.redis import EmbeddedRedis
from deploy.local.servers.secret_file import write_private
from deploy.local.supervisor import Supervisor
from workers import catalog

SETTINGS_FILE = "settings.json"
"""In the data folder: the environment of the stack's processes, for commands that join it."""

DEMO_VARIANTS = ("flux.1-demo", "flux.2-demo", "florence-2-demo")


class StackError(Exception):
    """The stack cannot be started where it was asked to; the message says what to change."""


class DataDirInUseError(StackError):
    """Another stack runs on the same data folder."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(f"another stack uses {data_dir}; stop it, or choose another --data-dir")


class DataDirUnusableError(StackError):
    """The data folder cannot be made or written."""

    def __init__(self, data_dir: Path, error: OSError) -> None:
        super().__init__(f"cannot use {data_dir}: {error.strerror}; choose another --data-dir")


class PortInUseError(StackError):
    """Another program listens where the API should."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} is in use; choose another --port, or 0 for a free one")


@dataclass
class LocalStack:
    """One machine's stack below one folder; several run side by side in several folders.

    Args:
        data_dir: databases, stored pictures, logs and keys; made when missing.
        port: where the API listens on 127.0.0.1; 0 takes a free one.
        variants: what the worker serves.
        device: what it runs them on.
    """

    data_dir: Path
    port: int = 0
    variants: Sequence[str] = DEMO_VARIANTS
    device: str = "cpu"
    _supervisor: Supervisor = field(init=False)
    _lock: IO[bytes] | None = None
    _database: Database | None = None
    _keys: Credentials | None = None
    _settings: dict[str, str] = field(default_factory=dict)
    _metrics_ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.data_dir = self.data_dir.absolute()
        self.port = self.port or free_port()
        self._supervisor = Supervisor(self.data_dir / "logs")
        self._metrics_ports = {name: free_port() for name in ("courier", "worker")}

    def start(self) -> None:
        """Start everything, and return when all of it answers.

        Raises:
            StackError: the folder or the port cannot be had.
            workers.catalog.UnknownVariantError: there is no such model.
            deploy.local.servers.process.ServerStartError: a process did not come up.
        """
        for variant in self.variants:
            catalog.find(variant)
        self._take_lock()
        self._require_free_port()
        secret = credentials.url_secret(self._keys_path)
        self._settings = self._start_servers() | {
            "BOTTEGA_URL_SECRET": secret,
            "BOTTEGA_VARIANTS": json.dumps(list(self.variants)),
            # More threads than idle cores make a small model many times slower, not faster.
            "BOTTEGA_TORCH_THREADS": os.environ.get("BOTTEGA_TORCH_THREADS", "1"),
        }
        if "S3_BUCKET" not in os.environ and "S3_ENDPOINT_URL" not in os.environ:
            self._settings["BOTTEGA_STORE_DIR"] = str(self.data_dir / "store")
        write_private(self.data_dir / SETTINGS_FILE, json.dumps(self._settings, indent=2))
        url = self._settings["DATABASE_URL"]
        upgrade(url)
        self._database = Database(DatabaseSettings(url=SecretStr(url), pool_size=2))
        with self._database.transaction() as session:
            self._keys = credentials.ensure(session, self._keys_path, secret)
        write_targets(self.data_dir / TARGETS_FILE, {"api": self.port} | self._metrics_ports)
        self._supervisor.start(
            courier_program(self._settings | self._metrics_port("courier")),
            worker_program(
                "worker",
                self.device,
                self.variants,
                self._settings | self._metrics_port("worker"),
                self._database,
            ),
            # A browser on this machine is signed in as the stack's own tenant.
            api_program(self.port, self._settings | {"BOTTEGA_PLAYGROUND_KEY": self._keys.api_key}),
        )

    def _metrics_port(self, name: str) -> dict[str, str]:
        return {"BOTTEGA_METRICS_PORT": str(self._metrics_ports[name])}

    @property
    def _keys_path(self) -> Path:
        return self.data_dir / "keys.json"

    def _take_lock(self) -> None:
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            self._lock = (self.data_dir / "lock").open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataDirInUseError(self.data_dir) from error
        except OSError as error:
            raise DataDirUnusableError(self.data_dir, error) from error

    def _require_free_port(self) -> None:
        # Another stack's API on this port would answer in place of ours, which could not start.
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError as error:
                raise PortInUseError(self.port) from error

    def _start_servers(self) -> dict[str, str]:
        """Our own servers, but for those that the environment names."""
        postgres = EmbeddedPostgres(self.data_dir / "postgres")
        redis = EmbeddedRedis(self.data_dir / "redis")
        ours: dict[str, ManagedProcess] = {"DATABASE_URL": postgres, "REDIS_URL": redis}
        given = {name: os.environ[name] for name in ours if name in os.environ}
        self._supervisor.start(*(server for name, server in ours.items() if name not in given))
        return {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url} | given

    def facts(self) -> dict[str, Any]:
        """What a client needs to know, as the ready file has it."""
        keys = self._keys
        if keys is None:
            raise RuntimeError("the stack has not been started")
        return {
            "url": self.url,
            "api_key": keys.api_key,
            "operator_key": keys.operator_key,
            "dashboard_url": f"{self.url}/dashboard/",
            "database_url": self._settings["DATABASE_URL"],
            "redis_url": self._settings["REDIS_URL"],
            "metrics_urls": metrics_urls({"api": self.port} | self._metrics_ports),
            "pids": self._supervisor.pids,
        }

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"http://127.0.0.1:{self.port}"

    def watch(self, stopping: threading.Event) -> None:
        """Restart what dies, until told to stop."""
        self._supervisor.watch(stopping)

    def stop(self) -> None:
        """Stop everything; jobs in hand are finished first."""
        if self._database is not None:
            self._database.close()
        self._supervisor.stop()
        if self._lock is not None:
            self._lock.close()
