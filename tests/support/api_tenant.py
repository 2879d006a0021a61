"""A tenant that calls the API of the test's own interpreter."""

from dataclasses import dataclass
from typing import Any

import httpx
from fastapi.testclient import TestClient

from db.core.session import Database
from db.tenants import api_keys
from tests.support.jobs import add_tenant


@dataclass(frozen=True)
class ApiTenant:
    """A tenant, its key, and a client without one."""

    id: str
    key_id: str
    key: str
    app: TestClient

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request with the key."""
        headers = {"Authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        return self.app.request(method, path, headers=headers, **more)

    def get(self, path: str, **more: Any) -> Any:
        """The JSON at a path; fails unless there is some."""
        answer = self.call("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()


def add_api_tenant(app: TestClient, database: Database, **tier: Any) -> ApiTenant:
    """Add a tenant in a tier of its own, with a key."""
    tenant_id = add_tenant(database, **tier)
    with database.transaction() as session:
        row, key = api_keys.create(session, tenant_id=tenant_id, name="first")
        return ApiTenant(tenant_id, row.id, key, app)
