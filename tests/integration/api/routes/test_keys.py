"""Ends and last uses of keys over HTTP: made by operators, seen by tenants, checked each time."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from api.resources.key_uses import KeyUses
from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.tenants import api_keys
from tests.support.api_tenant import ApiTenant, add_api_tenant
from tests.support.apis import MakeApi
from tests.support.jobs import sql
from tests.support.station import FLUX

PAINT = {"model": FLUX, "input": {"prompt": "a red circle"}}
BASE = "http://127.0.0.1"
ORIGIN = {"Origin": BASE}
WEEK = 7 * 24 * 3600


@pytest.fixture
def app(make_api: MakeApi) -> FastAPI:
    return make_api()


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=BASE, follow_redirects=False) as opened:
        yield opened


@pytest.fixture
def tenant(client: TestClient, database: Database) -> ApiTenant:
    return add_api_tenant(client, database)


@pytest.fixture
def operator(client: TestClient, database: Database) -> ApiTenant:
    """An operator, who calls as a tenant does."""
    with database.transaction() as session:
        row, key = api_keys.create(session, tenant_id=None, name="ops")
        return ApiTenant("", row.id, key, client)


def write_uses(app: FastAPI) -> None:
    """Write the uses that were noted, as the process does each minute."""
    app.state.services.key_uses.write()


def own_keys(tenant: ApiTenant) -> dict[str, Any]:
    return {key["name"]: key for key in tenant.get("/v1/account/keys")["keys"]}


def expire(database: Database, key_id: str) -> None:
    sql(database, "UPDATE api_keys SET expires_at = now() WHERE id = :id", id=key_id)


def test_an_operator_makes_a_key_with_an_end_and_its_tenant_sees_it(
    operator: ApiTenant, tenant: ApiTenant
) -> None:
    path = f"/v1/admin/tenants/{tenant.id}/keys"
    sent = {"name": "short", "expires_in_seconds": WEEK}
    made = operator.call("POST", path, json=sent).json()
    lifetime = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(
        made["created_at"]
    )
    assert lifetime == timedelta(seconds=WEEK)
    listed = own_keys(tenant)
    assert listed["short"] == {name: made[name] for name in listed["short"]}
    assert listed["first"]["expires_at"] is None
    assert made["api_key"] not in str(listed)
    for wrong in (0, 59, 10**12, "7d", 60.5, True):
        answer = operator.call("POST", path, json={"expires_in_seconds": wrong})
        assert answer.status_code == 422, wrong
    made = operator.call(
        "POST",
        "/v1/admin/operators",
        json={"name": "ann", "role": "viewer", "expires_in_seconds": 60},
    ).json()
    assert made["expires_at"] > made["created_at"]


def test_a_known_key_is_refused_from_its_end_on(tenant: ApiTenant, database: Database) -> None:
    assert tenant.call("POST", "/v1/jobs", json=PAINT).status_code == 202
    expire(database, tenant.key_id)
    for method, path, more in (
        ("POST", "/v1/jobs", {"json": PAINT}),
        ("POST", "/v1/jobs?dry_run=true", {"json": PAINT}),
        ("GET", "/v1/account", {}),
        ("GET", "/v1/account/keys", {}),
        ("POST", f"/fal/queue/bottega/{FLUX}", {"json": PAINT["input"]}),
    ):
        assert tenant.call(method, path, **more).status_code == 401, path


@pytest.mark.parametrize("site", ["playground", "dashboard"])
def test_a_browser_is_signed_out_when_its_key_expires(
    client: TestClient, tenant: ApiTenant, operator: ApiTenant, database: Database, site: str
) -> None:
    owner = tenant if site == "playground" else operator
    sign_in = {"data": {"key": owner.key}, "headers": ORIGIN}
    assert client.post(f"/{site}/sign-in", **sign_in).status_code == 303
    assert client.get(f"/{site}/").status_code == 200
    expire(database, owner.key_id)
    left = client.get(f"/{site}/")
    assert (left.status_code, left.headers["Location"]) == (303, f"/{site}/sign-in")
    assert client.post(f"/{site}/sign-in", **sign_in).status_code == 401


def test_the_tenants_page_shows_ends_and_uses_and_makes_keys(
    app: FastAPI, client: TestClient, operator: ApiTenant, tenant: ApiTenant, database: Database
) -> None:
    client.post("/dashboard/sign-in", data={"key": operator.key}, headers=ORIGIN)
    page = f"/dashboard/tenants/{tenant.id}"
    csrf = client.get(page).text.partition('name="csrf" value="')[2].partition('"')[0]
    for days, status in (("5", 200), ("0", 422), ("9999", 422), ("x", 422), ("", 200)):
        form = {"csrf": csrf, "name": f"days {days}", "days": days}
        made = client.post(f"{page}/keys", data=form, headers=ORIGIN)
        assert made.status_code == status, (days, made.text)
    expire(database, tenant.key_id)
    write_uses(app)
    text = client.get(page).text
    assert ["expires soon" in text, "expired" in text, "active" in text] == [True, True, True]


def test_every_kind_of_call_is_a_use(
    app: FastAPI, client: TestClient, tenant: ApiTenant, operator: ApiTenant, database: Database
) -> None:
    def used(owner: ApiTenant) -> bool:
        write_uses(app)
        cleared = (
            "UPDATE api_keys k SET last_used_at = NULL FROM api_keys before"
            " WHERE k.id = :id AND before.id = k.id RETURNING before.last_used_at"
        )
        return sql(database, cleared, id=owner.key_id) != [(None,)]

    assert not used(tenant)
    calls = [
        ("GET", "/v1/account", {}),
        ("POST", "/v1/jobs", {"json": PAINT}),
        ("GET", "/v1/models", {}),
        ("GET", "/openai/v1/models", {}),
        ("POST", "/v1/files", {"files": {"file": ("a.png", b"no picture", "image/png")}}),
    ]
    for method, path, more in calls:
        tenant.call(method, path, **more)
        assert used(tenant), path
    assert not used(operator)
    operator.get("/v1/admin/overview")
    assert used(operator)
    for site, owner in (("playground", tenant), ("dashboard", operator)):
        client.post(f"/{site}/sign-in", data={"key": owner.key}, headers=ORIGIN)
        client.get(f"/{site}/")
        assert used(owner), site


def test_a_use_is_written_when_the_process_ends(app: FastAPI, database: Database) -> None:
    with TestClient(app) as client:
        tenant = add_api_tenant(client, database)
        tenant.get("/v1/account")
        assert own_keys(tenant)["first"]["last_used_at"] is None
    [(last,)] = sql(database, "SELECT last_used_at FROM api_keys WHERE id = :id", id=tenant.key_id)
    assert last is not None


def test_uses_wait_while_the_database_is_down(database: Database, tenant: ApiTenant) -> None:
    down = Database(DatabaseSettings(url=SecretStr("postgresql+psycopg://a:b@127.0.0.1:1/c")))
    uses = KeyUses(down)
    uses.note(tenant.key_id)
    uses.write()
    assert uses._used == {tenant.key_id}
    uses._database = database
    uses.write()
    assert own_keys(tenant)["first"]["last_used_at"] is not None
    down.close()


def test_keys_that_expire_soon_are_in_the_metrics(
    operator: ApiTenant, tenant: ApiTenant, database: Database
) -> None:
    with database.transaction() as session:
        api_keys.create(session, tenant_id=tenant.id, name="", expires_in_seconds=60)
    text = operator.call("GET", "/metrics").text
    assert 'bottega_api_keys_expiring{owner="tenant"} 1.0' in text
    assert 'bottega_api_keys_expiring{owner="operator"} 0.0' in text
