"""A whole stack on one machine: PostgreSQL, Redis, store, API, worker and courier, supervised."""

import fcntl
import json
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from db import worker_registry
from db.core.migrate import upgrade
from db.core.session import Database
from db.core.settings import MIGRATION_URL_VARIABLE, DatabaseSettings, migration_url
from db.jobs.waiting import WORKER_STALE_SECONDS
from deploy.local import certificates
from deploy.local.credentials import (
    KEYS_FILE,
    SETTINGS_FILE,
    Credentials,
    ensure_credentials,
    url_secret,
)
from deploy.local.private_folder import make_private
from deploy.local.processes import api_program, courier_program, worker_program
from deploy.local.prometheus_targets import KEY_FILE, TARGETS_FILE, metrics_urls, write_targets
from deploy.local.servers.postgres import EmbeddedPostgres
from deploy.local.servers.process import ManagedProcess, free_port
from deploy.local.servers.redis import EmbeddedRedis
from deploy.local.servers.secret_file import write_private
from deploy.local.sign_in_links import sign_in_link, write_address
from deploy.local.start_progress import StartProgress, StartSettings
from deploy.local.supervisor import Supervisor
from workers import catalog

DEMO_VARIANTS = ("flux.1-demo", "flux.2-demo", "florence-2-demo")


class StackError(Exception):
    """The stack cannot start with these arguments; the message names the one to change."""


class DataDirInUseError(StackError):
    """Another stack runs on the same data folder."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(f"another stack uses {data_dir}; stop it, or choose another --data-dir")


class DataDirUnusableError(StackError):
    """The data folder cannot be created or written."""

    def __init__(self, data_dir: Path, error: OSError) -> None:
        super().__init__(f"cannot use {data_dir}: {error.strerror}; choose another --data-dir")


class PortInUseError(StackError):
    """Another program listens on the API's port."""

    def __init__(self, port: int, option: str = "--port") -> None:
        super().__init__(f"port {port} is in use; choose another {option}, or 0 for a free one")


def _catalogue_setting() -> dict[str, str]:
    """The operator's catalogue file, for commands that run in another folder as well."""
    file = catalog.installed().file
    return {"BOTTEGA_CATALOG": str(file.path)} if file else {}


class LocalStack:
    """The stack of one machine, in one folder. Several run side by side in several folders.

    Args:
        data_dir: for databases, stored pictures, logs and keys; created when missing.
        port: the API's port on 127.0.0.1; 0 takes a free one.
        variants: the models that the worker serves.
        device: the device that they run on.
        serving: how they are served, by the option of `bottega worker` without its dashes.
        tls_port: a second port, which speaks TLS; 0 takes a free one, None has none.

    Attributes:
        migration_url: the database as the owner of its tables, once started.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int = 0,
        variants: Sequence[str] = DEMO_VARIANTS,
        device: str = "auto",
        serving: Mapping[str, str] = MappingProxyType({}),
        tls_port: int | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port or free_port()
        self.tls_port = free_port() if tls_port == 0 else tls_port
        self.variants = variants
        self.device = device
        self.serving = serving
        self._supervisor = Supervisor(self.data_dir / "logs")
        self._metrics_ports = {name: free_port() for name in ("courier", "worker")}
        self._settings: dict[str, str] = {}
        self.migration_url = ""
        self._worker_redis: dict[str, str] = {}
        self._lock: IO[bytes] | None = None
        self._database: Database | None = None
        self._credentials: Credentials | None = None

    def start(self, stopping: threading.Event | None = None) -> None:
        """Start all processes, and return when all of them are ready.

        It waits for the worker as long as its downloads and loads go on, and shows them.

        Args:
            stopping: ends the wait for the worker when it is set.

        Raises:
            deploy.local.start_progress.StartStoppedError: it was set.
            StackError: the folder or the port cannot be used.
            workers.catalog.UnknownVariantError: there is no such model, or it is disabled.
            workers.catalog.CatalogueFileError: the operator's catalogue file cannot be used.
            deploy.local.servers.process.ServerStartError: a process did not become ready.
        """
        offered = catalog.installed().offered()
        self.variants = [offered.find(variant).id for variant in self.variants]
        self._acquire_lock()
        self._require_free_port(self.port, "--port")
        if self.tls_port is not None:
            self._require_free_port(self.tls_port, "--tls")
        secret = url_secret(self._keys_path)
        self._settings = (
            self._start_servers()
            | _catalogue_setting()
            | {
                "BOTTEGA_VARIANTS": json.dumps(list(self.variants)),
                # More threads than idle cores make a small model many times slower, not faster.
                "BOTTEGA_TORCH_THREADS": os.environ.get("BOTTEGA_TORCH_THREADS", "1"),
            }
        )
        if "S3_BUCKET" not in os.environ and "S3_ENDPOINT_URL" not in os.environ:
            self._settings["BOTTEGA_STORE_DIR"] = str(self.data_dir / "store")
        url_signer = {"BOTTEGA_URL_SECRET": secret}
        api_settings = self._settings | url_signer
        self._write_settings(api_settings)
        upgrade(self.migration_url)
        url = SecretStr(self._settings["DATABASE_URL"])
        self._database = Database(DatabaseSettings(url=url, pool_size=2))
        with self._database.transaction() as session:
            self._credentials = ensure_credentials(session, self._keys_path, secret)
        write_address(self.data_dir, self.url)
        write_private(self.data_dir / KEY_FILE, self._credentials.viewer_key)
        worker_settings = self._settings | self._worker_redis
        write_targets(self.data_dir / TARGETS_FILE, {"api": self.port} | self._metrics_ports)
        worker = worker_program(
            "worker",
            self.device,
            self.variants,
            worker_settings | self._metrics_port("worker"),
            self._database,
            serving=self.serving,
        )
        progress = StartProgress(self._database, worker.worker_id, stopping)
        try:
            self._supervisor.start(
                courier_program(worker_settings | url_signer | self._metrics_port("courier")),
                worker,
                api_program(self.port, api_settings, tls=self._tls()),
                stall_seconds=StartSettings().limit_seconds,
                progress={worker.name: progress},
            )
        finally:
            progress.close()

    def _write_settings(self, api_settings: Mapping[str, str]) -> None:
        # For the operator's commands, `migrate` among them: no process of the stack reads it.
        settings = {**api_settings, MIGRATION_URL_VARIABLE: self.migration_url}
        write_private(self.data_dir / SETTINGS_FILE, json.dumps(settings, indent=2))

    def _metrics_port(self, name: str) -> dict[str, str]:
        return {"BOTTEGA_METRICS_PORT": str(self._metrics_ports[name])}

    @property
    def _keys_path(self) -> Path:
        return self.data_dir / KEYS_FILE

    def _acquire_lock(self) -> None:
        try:
            make_private(self.data_dir)
            self._lock = (self.data_dir / "lock").open("wb")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataDirInUseError(self.data_dir) from error
        except OSError as error:
            raise DataDirUnusableError(self.data_dir, error) from error

    def _tls(self) -> tuple[int, Path] | None:
        """The TLS port and the file of its certificate, which is made or renewed."""
        if self.tls_port is None:
            return None
        public = urlsplit(os.environ.get("BOTTEGA_PUBLIC_URL", "")).hostname
        names = dict.fromkeys([*certificates.LOCAL_NAMES, *([public] if public else [])])
        files = certificates.ensure_certificates(self._tls_folder, list(names))
        return self.tls_port, files.server

    @property
    def _tls_folder(self) -> Path:
        return self.data_dir / certificates.FOLDER

    @staticmethod
    def _require_free_port(port: int, option: str) -> None:
        # Another stack's API on this port would pass for this one's, which could not start.
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise PortInUseError(port, option) from error

    def _start_servers(self) -> dict[str, str]:
        """Start the embedded servers, but not those that the environment replaces; their URLs."""
        postgres = EmbeddedPostgres(self.data_dir / "postgres")
        redis = EmbeddedRedis(self.data_dir / "redis")
        embedded: dict[str, ManagedProcess] = {"DATABASE_URL": postgres, "REDIS_URL": redis}
        external = {name: os.environ[name] for name in embedded if name in os.environ}
        started = (server for name, server in embedded.items() if name not in external)
        self._supervisor.start(*started)
        if "DATABASE_URL" in external:
            self.migration_url = migration_url()
        else:
            postgres.ensure_roles()
            self.migration_url = postgres.migration_url
        if "REDIS_URL" not in external:
            self._worker_redis = {"REDIS_URL": redis.worker_url}
        return {"DATABASE_URL": postgres.app_url, "REDIS_URL": redis.api_url} | external

    def facts(self) -> dict[str, Any]:
        """Addresses, keys and process ids for clients: the content of the ready file."""
        keys = self._credentials
        if keys is None:
            raise RuntimeError("the stack has not been started")
        return {
            "url": self.url,
            "api_key": keys.api_key,
            "operator_key": keys.operator_key,
            "viewer_key": keys.viewer_key,
            "dashboard_url": f"{self.url}/dashboard/",
            "database_url": self._settings["DATABASE_URL"],
            "redis_url": self._settings["REDIS_URL"],
            "metrics_urls": metrics_urls({"api": self.port} | self._metrics_ports),
            "pids": self._supervisor.pids,
            **self._tls_facts(),
        }

    def _tls_facts(self) -> dict[str, str]:
        if self.tls_port is None:
            return {}
        return {
            "tls_url": f"https://127.0.0.1:{self.tls_port}",
            "tls_authority": str(self._tls_folder / certificates.AUTHORITY_FILE),
        }

    def model_problems(self) -> dict[str, str]:
        """The reasons for which models of its worker could not be loaded, by the model's id."""
        if self._database is None:
            raise RuntimeError("the stack has not been started")
        with self._database.transaction(durable=False) as session:
            rows = worker_registry.live_workers(session, within_seconds=WORKER_STALE_SECONDS)
            plans = [item for row in rows for item in row.plans.items()]
        return {
            name: plan["problem"]
            for name, plan in plans
            if name in self.variants and plan.get("problem")
        }

    def served_variant(self) -> str:
        """The first model that its worker could load."""
        problems = self.model_problems()
        return next((name for name in self.variants if name not in problems), self.variants[0])

    def sign_in_link(self) -> str:
        """A link that signs one browser in at the playground, as the stack's own tenant."""
        if self._database is None or self._credentials is None:
            raise RuntimeError("the stack has not been started")
        return sign_in_link(self._database, self._credentials, self.url)

    @property
    def url(self) -> str:
        """The API's address."""
        return f"http://127.0.0.1:{self.port}"

    def watch(self, stopping: threading.Event) -> None:
        """Restart processes that end, until the event is set."""
        self._supervisor.watch(stopping)

    def stop(self) -> None:
        """Stop all processes; running jobs finish first."""
        if self._database is not None:
            self._database.close()
        self._supervisor.stop()
        if self._lock is not None:
            self._lock.close()
