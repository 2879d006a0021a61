"""Fixtures of the Replicate surface's tests: an API process, and tenants' clients of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from db.core.session import Database
from db.tenants import api_keys
from tests.support import jobs
from tests.support.apis import MakeApi

Json = dict[str, Any]


@dataclass(frozen=True)
class Client:
    """A tenant's client: paths are those below `/replicate/v1/`."""

    http: TestClient
    key: str
    tenant_id: str

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request with the key."""
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        url = path if "://" in path else f"/replicate/v1/{path}"
        return self.http.request(method, url, headers=headers, **options)

    def get(self, path: str, **options: Any) -> Json:
        """Get an object; fail unless there is one."""
        answer = self.call("GET", path, **options)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def predict(self, headers: dict[str, str] | None = None, **input_: Any) -> Json:
        """Make a prediction; fail unless it is made."""
        body = {"version": "bottega/flux.1-demo", "input": {"prompt": "a red circle", **input_}}
        answer = self.call("POST", "predictions", json=body, headers=headers or {})
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()
        return made


MakeClient = Callable[..., Client]


@pytest.fixture
def http(make_api: MakeApi) -> Iterator[TestClient]:
    """A client of a running API process, without a key."""
    with TestClient(make_api()) as opened:
        yield opened


@pytest.fixture
def make_client(http: TestClient, database: Database) -> MakeClient:
    """Makes tenants' clients, each in a tier with the given limits."""

    def make(**tier: Any) -> Client:
        tenant_id = jobs.add_tenant(database, **tier)
        with database.transaction() as session:
            _, key = api_keys.create(session, tenant_id=tenant_id, name="")
        return Client(http, key, tenant_id)

    return make


@pytest.fixture
def client(make_client: MakeClient) -> Client:
    """A tenant's client."""
    return make_client()
