"""What integration tests share: a database of one's own per test, a store, a Redis to mistreat."""

import secrets
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import make_url

from api.app import create_app
from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.storage.local import LocalStore
from deploy.local.servers.postgres import EmbeddedPostgres
from deploy.local.servers.process import Child
from deploy.local.servers.redis import EmbeddedRedis
from tests.support.apis import MakeApi
from tests.support.databases import DatabaseMaker
from tests.support.jobs import add_tenant, assert_everything_holds
from tests.support.station import Station
from workers.messaging.events import Publisher
from workers.messaging.queue import QueueNotifier
from workers.settings import WorkerSettings


@pytest.fixture(scope="session")
def database_maker(postgres_url: str) -> Iterator[DatabaseMaker]:
    """Makes databases; the first asking migrates the template that they are copies of."""
    maker = DatabaseMaker(postgres_url)
    maker.make_template()
    yield maker
    maker.close()


@pytest.fixture
def owner_url(database_maker: DatabaseMaker) -> Iterator[str]:
    """The URL, as superuser, of a migrated database that no other test sees."""
    with database_maker.fresh() as url:
        yield url


@pytest.fixture
def database_url(owner_url: str, postgres: EmbeddedPostgres) -> str:
    """The URL of the test's own database with the role that the service has."""
    own = make_url(owner_url).database
    return make_url(postgres.app_url).set(database=own).render_as_string(hide_password=False)


@pytest.fixture
def owner_database(owner_url: str) -> Iterator[Database]:
    """The test's own database as superuser: for rows that no process of ours may write."""
    opened = Database(DatabaseSettings(url=SecretStr(owner_url), pool_size=1))
    yield opened
    opened.close()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database that no other test sees; whatever a test did, the invariants hold."""
    opened = Database(DatabaseSettings(url=SecretStr(database_url)))
    try:
        yield opened
        assert_everything_holds(opened)
    finally:
        opened.close()


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """An empty store."""
    return LocalStore(tmp_path / "store")


@pytest.fixture
def make_api(
    monkeypatch: pytest.MonkeyPatch, database_url: str, redis_url: str, store: LocalStore
) -> MakeApi:
    """Makes API processes of this interpreter on the test's own database and store."""
    plain = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "BOTTEGA_STORE_DIR": str(store._root),
        "BOTTEGA_URL_SECRET": secrets.token_urlsafe(20),  # longer ones are rated for longer
    }

    def make(**variables: str) -> FastAPI:
        for name, value in (plain | variables).items():
            monkeypatch.setenv(name, value)
        return create_app()

    return make


@pytest.fixture
def worker_settings(redis_url: str) -> WorkerSettings:
    """A worker's settings on the Redis that all tests share; it asks nobody twice."""
    return WorkerSettings(redis_url=SecretStr(redis_url), patience_seconds=0.0001)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Child]:
    """A Redis of the test's own, to be flushed, stopped or killed."""
    with Child(EmbeddedRedis(tmp_path / "redis"), tmp_path / "redis.log") as child:
        yield child


@pytest.fixture
def own_redis_settings(own_redis: Child) -> WorkerSettings:
    """A worker's settings on the test's own Redis."""
    assert isinstance(own_redis.process, EmbeddedRedis)
    return WorkerSettings(redis_url=SecretStr(own_redis.process.url))


@pytest.fixture
def publisher(worker_settings: WorkerSettings) -> Iterator[Publisher]:
    """A publisher to the shared Redis."""
    opened = Publisher(worker_settings)
    yield opened
    opened.close()


@pytest.fixture
def station(
    database: Database, store: LocalStore, worker_settings: WorkerSettings, publisher: Publisher
) -> Station:
    """A worker's place."""
    return Station(database, store, worker_settings, publisher)


@pytest.fixture
def tenant_id(database: Database) -> str:
    """Someone with an allowance."""
    return add_tenant(database)


@pytest.fixture
def variant() -> str:
    """The name of a queue that no other test uses."""
    return f"variant.{uuid.uuid4().hex}"


@pytest.fixture
def queue_notifier(worker_settings: WorkerSettings) -> Iterator[QueueNotifier]:
    """A notifier on the shared Redis."""
    bell = QueueNotifier(worker_settings)
    yield bell
    bell.close()
