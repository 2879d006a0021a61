"""What the tests of the Replicate surface share: an API process, and a tenant's client of it."""

from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from db.core.session import Database
from db.tenants import api_keys
from tests.support import jobs
from tests.support.apis import MakeApi

MakeClient = Callable[..., TestClient]


@pytest.fixture
def app(make_api: MakeApi) -> Iterator[FastAPI]:
    """A running API process."""
    app = make_api()
    with TestClient(app):
        yield app


@pytest.fixture
def make_client(app: FastAPI, database: Database) -> MakeClient:
    """Makes tenants; each is a client with its key and the paths of the surface."""

    def make(**tier: object) -> TestClient:
        tenant_id = jobs.add_tenant(database, **tier)
        with database.transaction() as session:
            _, key = api_keys.create(session, tenant_id=tenant_id, name="")
        headers = {"Authorization": f"Bearer {key}"}
        return TestClient(app, "http://testserver/replicate/v1/", headers=headers)

    return make


@pytest.fixture
def client(make_client: MakeClient) -> TestClient:
    """A tenant's client."""
    return make_client()
