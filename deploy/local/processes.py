"""The service's own processes, as a supervisor starts them: the API, a worker, the courier."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from db.core.base import new_id
from db.core.session import Database
from db.core.settings import MIGRATION_URL_VARIABLE
from db.tables import Worker
from db.values.worker_state import SERVING
from deploy.local.servers.process import Account

_TIMEOUT_SECONDS = 2
_NOT_INHERITED = {MIGRATION_URL_VARIABLE, "BOTTEGA_URL_SECRET"}


@dataclass
class Program:
    """A `bottega` subcommand, or another module's, as a `ManagedProcess`."""

    name: str
    arguments: Sequence[str]
    settings: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    account: Account | None = None
    working_directory: Path | None = None
    module: str = "deploy.cli.main"

    def prepare(self) -> None:
        """Nothing needs to be made."""

    def command(self) -> list[str]:
        """This interpreter running the subcommand."""
        return [sys.executable, "-m", self.module, *self.arguments]

    def environment(self) -> dict[str, str]:
        """The supervisor's own without secrets that few processes need, and the settings."""
        inherited = {n: v for n, v in os.environ.items() if n not in _NOT_INHERITED}
        return {**inherited, **self.settings}

    def ready(self) -> bool:
        """True: a process without a port is ready as soon as it runs."""
        return True


@dataclass
class ApiProgram(Program):
    """The HTTP service: ready when `/readyz` says so."""

    host: str = "127.0.0.1"
    port: int = 0

    def ready(self) -> bool:
        """True when it and the servers that it depends on respond."""
        connection = HTTPConnection(self.host, self.port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200  # noqa: PLR2004 - HTTP's OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


@dataclass
class WorkerProgram(Program):
    """A worker: ready when its row says that its models are loaded."""

    database: Database | None = None
    worker_id: str = ""

    def ready(self) -> bool:
        """True when its row says so, or when there is no database to read the row from."""
        if self.database is None:
            return True
        try:
            with self.database.transaction(durable=False) as session:
                ready = select(Worker.id).where(
                    Worker.id == self.worker_id, Worker.state.in_(SERVING)
                )
                return session.scalar(ready) is not None
        except SQLAlchemyError:
            return False


def api_program(
    port: int,
    settings: Mapping[str, str],
    *,
    host: str = "127.0.0.1",
    tls: tuple[int, Path] | None = None,
) -> ApiProgram:
    """The API on a port, and by TLS on another one with the certificate of a file."""
    arguments = ["api", "--host", host, "--port", str(port)]
    if tls is not None:
        arguments += ["--tls-port", str(tls[0]), "--tls-certificate", str(tls[1])]
    return ApiProgram("api", arguments, settings, host=host, port=port)


def worker_program(
    name: str,
    device: str,
    variants: Sequence[str],
    settings: Mapping[str, str],
    database: Database | None = None,
    *,
    serving: Mapping[str, str] = MappingProxyType({}),
) -> WorkerProgram:
    """A worker pinned to a device; with a database, a supervisor waits until it is ready.

    Args:
        name: the program's name.
        device: the device, see `workers.adapters.pinning`.
        variants: the models that it serves.
        settings: its environment beside the supervisor's own.
        database: where its row is.
        serving: how its models are served, by the option of `bottega worker` without its dashes.
    """
    worker_id = new_id("wrk")
    options = [option for variant in variants for option in ("--variant", variant)]
    options += [part for name, value in serving.items() for part in (f"--{name}", value)]
    arguments = ["worker", "--device", device, "--id", worker_id, *options]
    return WorkerProgram(name, arguments, settings, database=database, worker_id=worker_id)


def courier_program(settings: Mapping[str, str]) -> Program:
    """The process that sends webhooks and runs maintenance."""
    return Program("courier", ["courier"], settings)
