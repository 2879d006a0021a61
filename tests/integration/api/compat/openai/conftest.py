"""An API process with OpenAI's calls, and a worker without a model."""

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from api.app import create_app
from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.tenants import api_keys
from deploy.local.servers.postgres import EmbeddedPostgres
from tests.servers.uvicorn_thread import serving
from tests.support.adapters import Behaviour
from tests.support.databases import DatabaseMaker
from tests.support.jobs import add_tenant, assert_everything_holds, sql
from tests.support.station import FLORENCE2, FLUX, Station
from workers.messaging.events import Publisher
from workers.settings import WorkerSettings

Json = dict[str, Any]


@dataclass
class Site:
    """The API, a tenant's client, and the worker."""

    http: httpx.Client
    database: Database
    station: Station
    app: Any
    tenant_id: str
    headers: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def working(self, *script: Behaviour) -> Iterator[None]:
        """Run jobs meanwhile, the first ones with these behaviours."""
        self.station.adapter.script[:] = script
        stopping = threading.Event()

        def work() -> None:
            executor = self.station.executor()
            while not stopping.is_set():
                if not (executor.run_batch(FLUX) or executor.run_batch(FLORENCE2)):
                    stopping.wait(0.02)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()

    def generate(self, **fields: Any) -> httpx.Response:
        """Ask for pictures."""
        sent = {"model": FLUX, "prompt": "a red circle", **fields}
        return self.http.post("/openai/v1/images/generations", json=sent, headers=self.headers)

    def error(self, response: httpx.Response, status: int) -> Json:
        """The error of a response, in OpenAI's form."""
        assert response.status_code == status, response.text
        assert response.headers["x-request-id"]
        error: Json = response.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}
        return error

    def rows(self, columns: str = "state") -> list[Any]:
        """Columns of the tenant's jobs, the oldest first."""
        query = f"SELECT {columns} FROM jobs WHERE tenant_id = :tenant ORDER BY id"  # noqa: S608
        return sql(self.database, query, tenant=self.tenant_id)

    def change(self, table: str, change: str) -> None:
        """Change the tenant's rows of a table."""
        statement = f"UPDATE {table} SET {change} WHERE tenant_id = :tenant"  # noqa: S608 - ours
        sql(self.database, statement, tenant=self.tenant_id)

    def limit(self, change: str) -> None:
        """Change the tenant's tier, which is its own."""
        where = "FROM tenants WHERE tiers.name = tenants.tier AND tenants.id = :id"
        statement = f"UPDATE tiers SET {change} {where}"  # noqa: S608 - ours
        sql(self.database, statement, id=self.tenant_id)

    def units(self) -> int:
        """The units that the tenant has paid for."""
        query = "SELECT coalesce(sum(units), 0) FROM usage_events WHERE tenant_id = :tenant"
        [[units]] = sql(self.database, query, tenant=self.tenant_id)
        return int(units)


def in_background(call: Callable[[], httpx.Response]) -> tuple[threading.Thread, list[Any]]:
    """A call in a thread, and the list that will have its response."""
    got: list[Any] = []

    def run() -> None:
        try:
            got.append(call())
        except httpx.HTTPError as error:
            got.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, got


@dataclass(frozen=True)
class Process:
    """An API process, which the tests of a module share."""

    url: str
    app: Any
    database: Database


@contextmanager
def running(
    database_maker: DatabaseMaker, postgres: EmbeddedPostgres, plain: dict[str, str]
) -> Iterator[Process]:
    """A process on a database of its own, whose invariants hold at the end."""
    with database_maker.fresh() as owner_url, pytest.MonkeyPatch.context() as patch:
        name = make_url(owner_url).database
        own = make_url(postgres.app_url).set(database=name)
        url = own.render_as_string(hide_password=False)
        for variable, value in ({"DATABASE_URL": url} | plain).items():
            patch.setenv(variable, value)
        database = Database(DatabaseSettings(url=SecretStr(url)))
        try:
            with serving(app := create_app()) as base:
                yield Process(base, app, database)
            assert_everything_holds(database)
        finally:
            database.close()


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """Further settings of the process."""
    return {}


@pytest.fixture(scope="module")
def process(
    database_maker: DatabaseMaker,
    postgres: EmbeddedPostgres,
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
    settings: dict[str, str],
) -> Iterator[Process]:
    """The process of a module's tests."""
    plain = {
        "REDIS_URL": redis_url,
        "BOTTEGA_STORE_DIR": str(tmp_path_factory.mktemp("store")),
        "BOTTEGA_URL_SECRET": secrets.token_urlsafe(32),
        "BOTTEGA_VARIANTS": f'["{FLUX}", "{FLORENCE2}"]',
    }
    with running(database_maker, postgres, plain | settings) as started:
        yield started


@pytest.fixture
def site(process: Process, worker_settings: WorkerSettings, publisher: Publisher) -> Iterator[Site]:
    """The process, with a tenant and a worker of the test's own."""
    tenant_id = add_tenant(process.database)
    with process.database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=tenant_id, name="")
    store = process.app.state.services.store
    station = Station(process.database, store, worker_settings, publisher)
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=process.url, headers=headers, timeout=60) as http:
        yield Site(http, process.database, station, process.app, tenant_id)
