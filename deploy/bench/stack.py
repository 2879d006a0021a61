"""The stack of the benchmarks: the local stack's processes with the no-op models."""

import json
import secrets
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from pydantic import SecretStr
from sqlalchemy.orm import Session

from db.billing import ledger
from db.core.migrate import upgrade
from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.tables import Tier
from db.tenants import api_keys, tenants
from deploy.bench.client import BenchClient
from deploy.bench.noop import BLANK, DOT, NOOP
from deploy.local.processes import api_program, courier_program, worker_program
from deploy.local.servers.postgres import EmbeddedPostgres
from deploy.local.servers.process import free_port
from deploy.local.servers.redis import EmbeddedRedis
from deploy.local.supervisor import Supervisor

FLUX_VARIANT = "flux.1-demo"
CONCURRENCY = 3
"""Threads of a worker: the service's default, also used for plain Celery."""

API_PROCESSES = 2
"""One per core of the machine in BENCHMARKS.md, because a Python process uses one core."""

CLIENTS = 8
"""Tenants that submit at the same time, with one persistent connection each."""

_SERVE = "deploy.bench.serve"
_TIER = "bench"
_UNLIMITED = 1_000_000_000


@dataclass
class BenchStack:
    """PostgreSQL, Redis, the courier, the API's processes and one worker below one folder.

    Attributes:
        folder: the folder of all data and logs.
        variants: the variants that the worker serves beside the no-op models.
        settings: further environment variables of the service's processes.
        api_keys: the keys of the clients' tenants, whose limits no benchmark reaches.
    """

    folder: Path
    variants: Sequence[str] = (FLUX_VARIANT,)
    api_keys: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    _api_ports: Sequence[int] = field(
        default_factory=lambda: [free_port() for _ in range(API_PROCESSES)]
    )
    _metrics_port: int = field(default_factory=free_port)
    _postgres: EmbeddedPostgres = field(init=False)
    _redis: EmbeddedRedis = field(init=False)
    _supervisor: Supervisor = field(init=False)
    _database: Database | None = None

    def __post_init__(self) -> None:
        self._postgres = EmbeddedPostgres(self.folder / "postgres")
        self._redis = EmbeddedRedis(self.folder / "redis")
        self._supervisor = Supervisor(self.folder / "logs")

    def __enter__(self) -> Self:
        """Start everything, and return when all processes are ready.

        Raises:
            deploy.local.servers.process.ServerStartError: a process did not come up.
        """
        with ExitStack() as undo:
            undo.callback(self.__exit__)
            self._start()
            undo.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop everything."""
        if self._database is not None:
            self._database.close()
        self._supervisor.stop()

    @property
    def urls(self) -> Sequence[str]:
        """The URLs of the API's processes."""
        return [f"http://127.0.0.1:{port}" for port in self._api_ports]

    def client(self, number: int) -> BenchClient:
        """A client for the tenant of that number, connected to the tenant's API process."""
        return BenchClient(self.urls[number % API_PROCESSES], self.api_keys[number])

    @property
    def metrics_url(self) -> str:
        """The URL of the worker's Prometheus metrics."""
        return f"http://127.0.0.1:{self._metrics_port}/metrics"

    @property
    def database_url(self) -> str:
        """SQLAlchemy's URL of the database."""
        return self._postgres.url

    @property
    def redis_url(self) -> str:
        """The URL of the Redis database that the service uses."""
        return self._redis.url

    @property
    def supervisor(self) -> Supervisor:
        """The supervisor of the processes; it also stops processes that are added to it."""
        return self._supervisor

    @property
    def database(self) -> Database:
        """The stack's own database.

        Raises:
            RuntimeError: the stack was not started.
        """
        if self._database is None:
            raise RuntimeError("the stack has not been started")
        return self._database

    def _start(self) -> None:
        self._supervisor.start(self._postgres, self._redis)
        upgrade(self.database_url)
        self._database = Database(DatabaseSettings(url=SecretStr(self.database_url), pool_size=2))
        self.api_keys = _create_tenants(self._database)
        settings = self._settings()
        worker = worker_program(
            "worker",
            "cpu",
            self.variants,
            {**settings, "BOTTEGA_METRICS_PORT": str(self._metrics_port)},
            self._database,
        )
        apis = [
            replace(api_program(port, settings), name=f"api-{n}", module=_SERVE)
            for n, port in enumerate(self._api_ports)
        ]
        self._supervisor.start(
            courier_program(settings),
            replace(worker, module=_SERVE),
            *apis,
        )

    def _settings(self) -> Mapping[str, str]:
        return {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "BOTTEGA_URL_SECRET": secrets.token_urlsafe(32),
            "BOTTEGA_STORE_DIR": str(self.folder / "store"),
            "BOTTEGA_VARIANTS": json.dumps([*self.variants, NOOP.id, BLANK.id, DOT.id]),
            "BOTTEGA_TORCH_THREADS": "1",
            "BOTTEGA_CONCURRENCY": str(CONCURRENCY),
            **self.settings,
        }


def _create_tenants(database: Database) -> list[str]:
    """Create tenants with unlimited jobs in flight and enough credit; returns their keys."""
    tier = Tier(
        name=_TIER,
        weight=1.0,
        max_in_flight=_UNLIMITED,
        max_priority="normal",
        images_per_month=_UNLIMITED,
        analyses_per_month=_UNLIMITED,
    )
    with database.transaction() as session:
        session.add(tier)
        session.flush()
        return [create_tenant_key(session, f"Bench {n}") for n in range(CLIENTS)]


def create_tenant_key(session: Session, name: str) -> str:
    """Create a tenant whose limits no benchmark reaches; returns their key."""
    tenant = tenants.create(session, name=name, tier=_TIER)
    ledger.credit(session, tenant.id, _UNLIMITED, reference=f"bench:{name}")
    return api_keys.create(session, tenant_id=tenant.id, name="bench")[1]
