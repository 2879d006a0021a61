"""The operators' API: permissions, the audit log, money, and exact bulk actions."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import text

from api.routes.admin import ROUTERS
from db import worker_registry as workers
from db.core.session import Database
from db.tenants import api_keys
from db.tenants.api_keys import OperatorRole
from db.worker_registry import WorkerReport
from tests.support import jobs
from tests.support.apis import MakeApi

Json = dict[str, Any]
ADMIN = "/v1/admin"
ROUTES = [
    (method, route.path)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods)
]
WRITES = [(method, path) for method, path in ROUTES if method != "GET"]


@pytest.fixture
def app(make_api: MakeApi) -> Iterator[TestClient]:
    """An API process in this interpreter."""
    with TestClient(make_api()) as client:
        yield client


def signed_in(app: TestClient, database: Database, **owner: Any) -> TestClient:
    """A client of the same process, with a new key."""
    with database.transaction() as session:
        _, key = api_keys.create(session, name="op", **{"tenant_id": None, **owner})
    return client_with(app, {"Authorization": f"Bearer {key}"})


def client_with(app: TestClient, headers: dict[str, str]) -> TestClient:
    """A client of the same process and event loop, with these headers."""
    client = TestClient(app.app, headers=headers)
    client.portal = app.portal
    return client


@pytest.fixture
def operator(app: TestClient, database: Database) -> TestClient:
    return signed_in(app, database)


def ask(client: TestClient, method: str, path: str, **sent: Any) -> Json:
    """The content of a response, which must be a success."""
    answer = client.request(method, ADMIN + path, **sent)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else {}


def changes(operator: TestClient, **query: Any) -> list[Json]:
    """The audit log, newest first."""
    found: list[Json] = ask(operator, "GET", "/audit", params=query)["entries"]
    return found


def everything(database: Database) -> list[Any]:
    """All rows that an operator could change, without the keys' own."""
    tables = ("jobs", "holds", "tenants", "tiers", "queues", "workers", "ledger_entries")
    with database.transaction() as session:
        return [
            session.execute(text(f"SELECT t::text FROM {table} t ORDER BY 1")).all()  # noqa: S608
            for table in (*tables, "audit_entries", "job_retries", "api_keys")
        ]


def test_whoever_is_no_operator_opens_nothing_and_a_viewer_changes_nothing(
    app: TestClient, database: Database, tenant_id: str
) -> None:
    assert len(ROUTES) > 25
    assert len(WRITES) > 12
    jobs.submit(database, tenant_id)
    tenant = signed_in(app, database, tenant_id=tenant_id)
    viewer = signed_in(app, database, role=OperatorRole.VIEWER)
    before = everything(database)
    for method, template in ROUTES:
        path = re.sub(r"{tenant_id}", tenant_id, template)
        path = re.sub(r"{action}", "cancel", path)
        path = re.sub(r"{model}", jobs.VARIANT, re.sub(r"{\w+_id}", "x", path))
        refused = tenant.request(method, path, json={})
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden"), path
        assert app.request(method, path, json={}).status_code == 401, path
        looked = viewer.request(method, path, json={})
        if (method, template) in WRITES:
            assert (looked.status_code, looked.json()["code"]) == (403, "read_only"), path
        else:
            assert looked.status_code in (200, 404), (path, looked.text)
    assert everything(database) == before


def test_a_tenants_life_is_written_down(operator: TestClient, app: TestClient) -> None:
    made = ask(operator, "POST", "/tenants", json={"name": "Ada", "tier": "free"})
    own = f"/tenants/{made['id']}"
    key = ask(operator, "POST", own + "/keys", json={"name": "first"})
    assert key["api_key"].startswith(key["prefix"])
    assert key["api_key"] not in str(ask(operator, "GET", own + "/keys"))
    tenant = client_with(app, {"x-key": key["api_key"]})
    assert tenant.get("/v1/account").status_code == 200
    headers = {"X-Request-Id": "call-7"}
    assert ask(operator, "PATCH", own, json={"tier": "standard"}, headers=headers)["tier"] == (
        "standard"
    )
    ask(operator, "POST", own + "/suspend")
    for path in ("/v1/account", "/v1/jobs"):
        refused = tenant.get(path)
        assert (refused.status_code, refused.json()["code"]) == (403, "suspended")
    ask(operator, "POST", own + "/resume")
    ask(operator, "POST", f"{own}/keys/{key['id']}/revoke")
    assert tenant.get("/v1/account").status_code == 401
    log = changes(operator)
    assert [entry["action"] for entry in log[::-1]] == [
        *("tenant.create", "key.create", "tenant.tier", "tenant.suspend", "tenant.resume"),
        "key.revoke",
    ]
    [moved] = changes(operator, action="tenant.tier")
    assert (moved["before"], moved["after"]) == ({"tier": "free"}, {"tier": "standard"})
    assert (moved["request_id"], moved["target"], moved["actor_name"]) == (
        *("call-7", made["id"]),
        "op",
    )
    assert all(entry["request_id"] for entry in log)
    assert key["api_key"] not in str(log)


def test_credit_works_once_a_reference_and_is_corrected_down_to_what_is_held(
    operator: TestClient, database: Database
) -> None:
    tenant_id = jobs.add_tenant(database, images_per_month=0, credit_micros=5_000)
    jobs.submit(database, tenant_id)  # holds 1,000
    path = f"/tenants/{tenant_id}/credit"

    def credit(amount: int, key: str) -> tuple[int, Any]:
        answer = operator.post(
            ADMIN + path,
            json={"amount_micros": amount, "reason": "test"},
            headers={"Idempotency-Key": key},
        )
        return answer.status_code, answer.json().get("balance_micros", answer.json().get("code"))

    assert credit(500, "a") == (200, 5_500)
    assert credit(500, "a") == (200, 5_500)
    assert credit(501, "a") == (422, "idempotency_key_reused")
    assert credit(-4_501, "b") == (409, "balance_too_low")
    assert credit(-4_500, "b") == (200, 1_000)
    assert credit(0, "c")[0] == 422
    assert [entry["after"]["balance_micros"] for entry in changes(operator)] == [1_000, 5_500]


def test_a_failed_job_is_told_of_and_done_again_with_a_new_hold(
    operator: TestClient, database: Database, tenant_id: str
) -> None:
    held = jobs.running(database, tenant_id, metadata={"order": "17"})
    assert jobs.fail(database, held)
    jobs.submit(database, tenant_id)
    for query in ({"metadata": "order=17"}, {"error_code": jobs.BROKEN.code}, {"state": "failed"}):
        [found] = ask(operator, "GET", "/jobs", params=query)["jobs"]
        assert found["id"] == held.job_id
    first = ask(operator, "GET", "/jobs", params={"limit": 1})
    rest = ask(operator, "GET", "/jobs", params={"limit": 1, "cursor": first["next_cursor"]})
    assert rest["jobs"][0]["id"] == held.job_id
    again = ask(operator, "POST", f"/jobs/{held.job_id}/retry")["retried_as"]
    assert operator.post(f"{ADMIN}/jobs/{held.job_id}/retry").status_code == 409
    old, new = (ask(operator, "GET", f"/jobs/{name}") for name in (held.job_id, again))
    assert [moment["what"] for moment in old["timeline"]][:2] == ["submitted", "started"]
    assert (old["bill"]["state"], old["retried_as"]) == ("released", again)
    assert (new["bill"]["state"], new["state"]) == ("open", "queued")
    assert ask(operator, "POST", f"/jobs/{again}/cancel")["canceled"]
    assert ask(operator, "GET", f"/jobs/{again}")["bill"]["state"] == "released"


def test_a_bulk_act_reaches_what_was_counted_and_no_more(
    operator: TestClient, app: TestClient, database: Database, tenant_id: str
) -> None:
    failed = [jobs.running(database, tenant_id) for _ in range(2)]
    own = jobs.submit_many(database, tenant_id, 5)
    query = {"tenant": tenant_id, "state": "queued"}
    seen = ask(operator, "GET", "/bulk/cancel", params=query)
    assert (seen["jobs"], seen["price_micros"]) == (5, 5 * jobs.PRICE)
    late = jobs.submit(database, tenant_id)
    ask(operator, "POST", f"/jobs/{own[1]}/cancel")
    one = ask(operator, "POST", "/bulk/cancel", json={"token": seen["token"], "limit": 2})
    assert (one["done"], one["total"], one["left"]) == (2, 5, 3)
    two = ask(operator, "POST", "/bulk/cancel", json={"token": one["next_token"]})
    assert (two["done"], two["next_token"]) == (2, None)
    assert {jobs.found(database, name).state for name in own} == {"canceled"}
    assert jobs.found(database, late).state == "queued"
    # More match than were counted, among jobs that are no newer: nothing is done.
    query = {"tenant": tenant_id, "state": "failed"}
    assert jobs.fail(database, failed[1])
    token = ask(operator, "GET", "/bulk/retry", params=query)["token"]
    assert jobs.fail(database, failed[0])
    other = signed_in(app, database)
    for sender, action in ((operator, "retry"), (operator, "cancel"), (other, "retry")):
        refused = sender.post(f"{ADMIN}/bulk/{action}", json={"token": token})
        assert (refused.status_code, refused.json()["code"]) == (409, "changed")
    assert len(changes(operator, action="job.cancel")) == 5
    assert changes(operator, action="job.retry") == []


def test_queues_workers_tiers_and_operators_are_switched_once(
    operator: TestClient, database: Database, tenant_id: str
) -> None:
    jobs.submit(database, tenant_id)
    for verb, paused in (("pause", True), ("pause", True), ("resume", False)):
        ask(operator, "POST", f"/queues/{jobs.VARIANT}/{verb}")
        views = {row["model"]: row for row in ask(operator, "GET", "/queues")["queues"]}
        assert views[jobs.VARIANT]["now"]["paused"] is paused
        assert views[jobs.VARIANT]["now"]["queued"] == views[jobs.VARIANT]["window"]["arrived"] == 1
    with database.transaction() as session:
        workers.report(session, WorkerReport("wrk_1", "here", 1, "cpu", [jobs.VARIANT], "ready"))
    ask(operator, "POST", "/workers/wrk_1/drain")
    [worker] = ask(operator, "GET", "/workers")["workers"]
    assert (worker["live"], worker["drained_at"] is None) == (True, False)
    assert ask(operator, "GET", "/overview")["workers_by_state"] == {"drained": 1}
    assert ask(operator, "PATCH", "/tiers/free", json={"max_in_flight": 7})["max_in_flight"] == 7
    for limit in (5, None):
        changed = ask(operator, "PATCH", "/tiers/free", json={"max_stored_bytes": limit})
        assert changed["max_stored_bytes"] == limit
    made = ask(operator, "POST", "/operators", json={"name": "eve", "role": "viewer"})
    ask(operator, "POST", f"/operators/{made['id']}/revoke")
    mine = ask(operator, "GET", "/operators")["operators"][0]["id"]
    assert operator.post(f"{ADMIN}/operators/{mine}/revoke").json()["code"] == "last_operator"
    *stored, limited = changes(operator, target="free")
    assert [each["after"]["max_stored_bytes"] for each in stored] == [None, 5]
    assert limited["after"] == {"max_in_flight": 7}
    assert [entry["action"] for entry in changes(operator)[::-1]] == [
        *("queue.pause", "queue.resume", "worker.drain", "tier.set", "tier.set", "tier.set"),
        *("operator.create", "operator.revoke"),
    ]


WRONG = [
    ("GET", "/jobs?state=nonsense", {}, 422),
    ("GET", "/jobs?created_after=2026-01-01", {}, 422),
    ("GET", "/jobs?metadata=nothing", {}, 422),
    ("GET", "/jobs/job_none", {}, 404),
    ("POST", "/tenants", {"name": "x", "tier": "none"}, 422),
    ("POST", "/tenants", {"name": "x\0"}, 422),
    ("PATCH", "/tiers/none", {"weight": 2}, 404),
    ("PATCH", "/tiers/free", {"weight": 0}, 422),
    ("PATCH", "/tiers/free", {"max_stored_bytes": 0}, 422),
    ("PATCH", "/tiers/free", {"weight": 5e-324}, 422),
    ("PATCH", "/tiers/free", {"weight": 1e7}, 422),
    ("POST", "/queues/none/pause", {}, 404),
    ("POST", "/workers/none/drain", {}, 404),
    ("POST", "/bulk/cancel", {"token": "made up"}, 409),
]


def test_what_cannot_be_is_a_problem_and_leaves_no_trace(operator: TestClient) -> None:
    for method, path, sent, status in WRONG:
        answer = operator.request(method, ADMIN + path, json=sent)
        assert answer.status_code == status, (path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert changes(operator) == []
