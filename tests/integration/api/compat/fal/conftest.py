"""A client of fal's surface, and a worker that runs its jobs."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from db.core.session import Database
from db.tenants import api_keys
from tests.support.apis import MakeApi


@pytest.fixture
def key(database: Database, tenant_id: str) -> str:
    """The tenant's key."""
    with database.transaction() as session:
        return api_keys.create(session, tenant_id=tenant_id, name="test")[1]


@pytest.fixture
def client(make_api: MakeApi, key: str) -> Iterator[TestClient]:
    """A client with the tenant's key, as fal's own clients send it."""
    with TestClient(make_api(), headers={"Authorization": f"Key {key}"}) as opened:
        yield opened
