"""The audit log is complete: each door of operators that changes or reveals something enters it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Route
from structlog.testing import capture_logs

from api.routes.admin import ROUTERS
from api.web.dashboard.app import ROUTERS as PAGES
from api.web.shared.sign_in_audit import MAX_REFUSALS, RefusalLimit
from db import worker_registry
from db.core.session import Database
from db.storage.local import LocalStore
from db.tenants import api_keys
from db.tenants.api_keys import OperatorRole
from db.webhooks.types import Webhook
from db.worker_registry import WorkerReport
from tests.support import jobs
from tests.support.apis import MakeApi
from tests.support.jobs import sql

ADMIN = "/v1/admin"
DASHBOARD = "/dashboard"
ORIGIN = "http://127.0.0.1:8000"
READ = "job.read"
Step = tuple[str, str, dict[str, Any], str]


@dataclass
class Scene:
    """Things that an operator can change.

    Attributes:
        values: a value for each parameter of a path.
    """

    database: Database
    client: TestClient
    key: str
    values: dict[str, str]

    def entries(self) -> list[tuple[str, str, str]]:
        """The audit log, oldest first: action, target and the request's id."""
        query = "SELECT action, target, request_id FROM audit_entries ORDER BY id"
        return [(row[0], row[1], row[2]) for row in sql(self.database, query)]

    def path(self, template: str, **values: str) -> str:
        """A path with values."""
        return template.format_map(self.values | values)

    def csrf(self) -> str:
        """The token of the signed-in operator's forms."""
        found = re.search(r'name="csrf" value="(\w+)"', self.client.get(DASHBOARD + "/").text)
        assert found is not None
        return found[1]


@pytest.fixture
def app(make_api: MakeApi) -> Iterator[TestClient]:
    """An API process in this interpreter, as a browser on its machine reaches it."""
    with TestClient(make_api(), base_url=ORIGIN, follow_redirects=False) as client:
        client.headers["Origin"] = ORIGIN
        yield client


@pytest.fixture
def scene(app: TestClient, database: Database) -> Scene:
    """A tenant with a key, a failed job and waiting ones, a worker, and two operators."""
    tenant_id = jobs.add_tenant(database, credit_micros=1_000_000)
    failed = jobs.running(database, tenant_id, webhook=Webhook("https://x.example"))
    assert jobs.fail(database, failed)
    [(delivery_id,)] = sql(database, "SELECT id FROM deliveries")
    with database.transaction() as session:
        worker_registry.report(
            session, WorkerReport("wrk_1", "here", 1, "cpu", [jobs.VARIANT], "ready")
        )
        _, key = api_keys.create(session, tenant_id=None, name="ann")
        other, _ = api_keys.create(session, tenant_id=None, name="bob")
        owned, _ = api_keys.create(session, tenant_id=tenant_id, name="theirs")
        values = {
            "tenant_id": tenant_id,
            "job_id": jobs.submit(database, tenant_id),
            "failed": failed.job_id,
            "delivery_id": delivery_id,
            "worker_id": "wrk_1",
            "model": jobs.VARIANT,
            "variant": jobs.VARIANT,
            "name": "free",
            "key_id": owned.id,
            "operator": other.id,
            "action": "cancel",
            "n": "0",
        }
    return Scene(database, app, key, values)


def templates(kind: type[Route], routers: Any, *, writes: bool) -> set[tuple[str, str]]:
    """Method and path of every route that changes something, or of the others."""
    return {
        (method, route.path)
        for router in routers
        for route in router.routes
        if isinstance(route, kind)
        for method in route.methods or ()
        if method != "HEAD" and (method != "GET") == writes
    }


API_STEPS: list[Step] = [
    ("POST", "/jobs/{job_id}/cancel", {}, "job.cancel"),
    ("POST", "/jobs/{failed}/retry", {}, "job.retry"),
    ("POST", "/queues/{model}/pause", {}, "queue.pause"),
    ("POST", "/queues/{model}/resume", {}, "queue.resume"),
    ("POST", "/workers/{worker_id}/drain", {}, "worker.drain"),
    ("POST", "/workers/{worker_id}/undrain", {}, "worker.undrain"),
    ("POST", "/tenants", {"name": "new"}, "tenant.create"),
    ("PATCH", "/tenants/{tenant_id}", {"tier": "standard"}, "tenant.tier"),
    ("POST", "/tenants/{tenant_id}/suspend", {}, "tenant.suspend"),
    ("POST", "/tenants/{tenant_id}/resume", {}, "tenant.resume"),
    (
        *("POST", "/tenants/{tenant_id}/credit"),
        {"amount_micros": 5, "reason": "gift", "reference": "a"},
        "tenant.credit",
    ),
    ("POST", "/tenants/{tenant_id}/keys", {"name": "x"}, "key.create"),
    ("POST", "/tenants/{tenant_id}/keys/{key_id}/revoke", {}, "key.revoke"),
    ("PATCH", "/tiers/{name}", {"weight": 2}, "tier.set"),
    ("POST", "/operators", {"name": "eve", "role": "viewer"}, "operator.create"),
    ("POST", "/operators/{operator}/revoke", {}, "operator.revoke"),
    ("POST", "/bulk/{action}", {"token": ""}, "job.cancel"),
    (
        *("POST", "/tenants/{tenant_id}/credit"),
        {"amount_micros": -1_000_005, "reason": "paid back", "reference": "b"},
        "tenant.credit",
    ),
    ("DELETE", "/tenants/{tenant_id}", {}, "tenant.delete"),
]
PAGE_STEPS: list[Step] = [
    ("POST", "/jobs/{job_id}/cancel", {}, "job.cancel"),
    ("POST", "/jobs/{failed}/retry", {}, "job.retry"),
    ("POST", "/jobs/{failed}/deliveries/{delivery_id}/resend", {}, "delivery.resend"),
    ("POST", "/workers/{worker_id}/drain", {}, "worker.drain"),
    ("POST", "/workers/{worker_id}/undrain", {}, "worker.undrain"),
    ("POST", "/queues/{variant}/pause", {}, "queue.pause"),
    ("POST", "/queues/{variant}/resume", {}, "queue.resume"),
    ("POST", "/tenants", {"name": "new", "tier": "free"}, "tenant.create"),
    ("POST", "/tenants/{tenant_id}/suspend", {}, "tenant.suspend"),
    ("POST", "/tenants/{tenant_id}/resume", {}, "tenant.resume"),
    (
        *("POST", "/tenants/{tenant_id}/credit"),
        {"dollars": "1", "reason": "gift", "reference": "a"},
        "tenant.credit",
    ),
    ("POST", "/tenants/{tenant_id}/keys", {"name": "x"}, "key.create"),
    ("POST", "/tenants/{tenant_id}/keys/{key_id}/revoke", {}, "key.revoke"),
    ("POST", "/bulk/{action}", {"token": ""}, "job.cancel"),
    (
        *("POST", "/tenants/{tenant_id}/credit"),
        {"dollars": "-2", "reason": "paid back", "reference": "b"},
        "tenant.credit",
    ),
    ("POST", "/tenants/{tenant_id}/delete", {"confirmation": ""}, "tenant.delete"),
    ("POST", "/sign-out", {}, "operator.sign_out"),
    ("POST", "/sign-in", {"key": ""}, "operator.sign_in"),
]


def covered(steps: list[Step]) -> set[tuple[str, str]]:
    """Method and template of the steps."""
    own = {"{failed}": "{job_id}", "{operator}": "{key_id}", "{model}": "{model:path}"}
    return {
        (method, re.sub(r"{(failed|operator|model)}", lambda m: own[m[0]], template))
        for method, template, _, _ in steps
    }


def test_every_call_that_changes_something_enters_it_under_the_id_of_its_request(
    scene: Scene,
) -> None:
    routes = templates(APIRoute, ROUTERS, writes=True)
    assert {(method, ADMIN + path) for method, path in covered(API_STEPS)} == routes
    operator = {"Authorization": f"Bearer {scene.key}"}
    later = jobs.submit(scene.database, jobs.add_tenant(scene.database))
    for number, (method, template, body, action) in enumerate(API_STEPS):
        sent = dict(body)
        if "token" in sent:
            query = {"state": "queued"}
            counted = scene.client.get(f"{ADMIN}/bulk/cancel", params=query, headers=operator)
            sent["token"] = counted.json()["token"]
        own_id = f"ticket#{number}/a"
        answer = scene.client.request(
            *(method, ADMIN + scene.path(template)),
            json=sent,
            headers=operator | {"X-Request-Id": own_id},
        )
        assert answer.is_success, answer.text
        assert answer.headers["X-Request-Id"] == own_id
        entered = [entry for entry in scene.entries() if entry[2] == own_id]
        assert entered, template
        assert {entry[0] for entry in entered} == {action}
    assert jobs.found(scene.database, later).state == "canceled"


def test_every_form_that_changes_something_enters_it_under_the_id_of_its_request(
    scene: Scene,
) -> None:
    assert covered(PAGE_STEPS) == templates(APIRoute, PAGES, writes=True)
    assert scene.client.post("/dashboard/sign-in", data={"key": scene.key}).status_code == 303
    later = jobs.submit(scene.database, jobs.add_tenant(scene.database))
    for number, (method, template, body, action) in enumerate(PAGE_STEPS):
        sent = dict(body)
        own_id = f"ticket#{number}/b"
        if template == "/sign-in":
            sent["key"] = scene.key
        else:
            sent["csrf"] = scene.csrf()
        if "confirmation" in sent:
            sent["confirmation"] = scene.values["tenant_id"]
        if "token" in sent:
            shown = scene.client.get(f"{DASHBOARD}/bulk/cancel?state=queued").text
            found = re.search(r'name="token" value="([^"]+)"', shown)
            assert found is not None
            sent["token"] = found[1]
        answer = scene.client.request(
            *(method, DASHBOARD + scene.path(template)), data=sent, headers={"X-Request-Id": own_id}
        )
        assert answer.status_code in (200, 303), (template, answer.text)
        entered = [entry for entry in scene.entries() if entry[2] == own_id]
        assert entered, template
        assert {entry[0] for entry in entered} == {action}
    assert jobs.found(scene.database, later).state == "canceled"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("ticket#4711/a", True),
        ("x" * 100, True),
        ("x" * 101, False),
        ("with space", False),
        ('a"b<script>', False),
        ("a'b&c", False),
        ("a\\b", False),
        ("${jndi}", False),
        ("a%0d%0ab", False),
    ],
)
def test_an_id_is_one_value_in_the_answer_the_log_and_the_audit_log(
    scene: Scene, sent: str, *, kept: bool
) -> None:
    headers = {"Authorization": f"Bearer {scene.key}", "X-Request-Id": sent}
    with capture_logs() as logs:
        answer = scene.client.get(f"{ADMIN}/jobs/{scene.values['job_id']}", headers=headers)
    answered = answer.headers["X-Request-Id"]
    assert (answered == sent) is kept
    [line] = [line for line in logs if line["event"] == "request"]
    assert line["request_id"] == answered
    assert scene.entries() == [(READ, scene.values["job_id"], answered)]


READS = {"/jobs/{job_id}", "/jobs/{job_id}/events"}
PICTURES = {"/jobs/{job_id}/results/{n}", "/jobs/{job_id}/inputs/{n}"}


def test_a_look_at_a_prompt_is_entered_once_for_each_operator_and_job(
    scene: Scene, database: Database, owner_database: Database
) -> None:
    of_jobs = {path for _, path in templates(APIRoute, PAGES, writes=False) if "{job_id}" in path}
    assert of_jobs == READS | PICTURES
    scene.client.post("/dashboard/sign-in", data={"key": scene.key})
    job_id, failed = scene.values["job_id"], scene.values["failed"]
    for path in (f"/jobs/{job_id}", f"/jobs/{failed}", f"/jobs/{job_id}", "/jobs/job_none"):
        scene.client.get(DASHBOARD + path)
    scene.client.get(f"{DASHBOARD}/jobs/{failed}/events")
    with database.transaction() as session:
        role = OperatorRole.VIEWER
        _, viewer = api_keys.create(session, tenant_id=None, name="vic", role=role)
    for _ in range(2):
        headers = {"Authorization": f"Bearer {viewer}"}
        assert scene.client.get(f"{ADMIN}/jobs/{job_id}", headers=headers).is_success
    read = [entry[:2] for entry in scene.entries() if entry[0] == READ]
    assert read == [(READ, job_id), (READ, failed), (READ, job_id)]
    sql(owner_database, "ALTER TABLE audit_entries DISABLE TRIGGER ALL")
    sql(owner_database, "UPDATE audit_entries SET at = at - interval '16 minutes'")
    scene.client.get(f"{DASHBOARD}/jobs/{failed}")
    assert scene.entries()[-1][:2] == (READ, failed)
    assert len(scene.entries()) == len(read) + 2  # with the sign-in


@pytest.mark.parametrize("template", sorted(PICTURES))
def test_a_look_at_a_picture_alone_is_entered(
    scene: Scene, store: LocalStore, database: Database, template: str
) -> None:
    tenant_id = scene.values["tenant_id"]
    key = f"inputs/{tenant_id}/{'a' * 64}"
    held = jobs.running(database, tenant_id, variant="other", input={"image": key})
    artifact = jobs.stored(held)
    assert jobs.complete(database, held, artifact)
    for name in (key, artifact.key):
        store.put(name, b"picture", "image/png")
    scene.client.post("/dashboard/sign-in", data={"key": scene.key})
    path = DASHBOARD + scene.path(template, job_id=held.job_id)
    assert scene.client.get(path).status_code == 200
    assert scene.client.get(path.replace("/0", "/7")).status_code == 404
    assert [entry[:2] for entry in scene.entries()][1:] == [(READ, held.job_id)]


def test_sign_ins_are_entered_and_refused_ones_without_the_key(
    scene: Scene, database: Database
) -> None:
    with database.transaction() as session:
        row, revoked = api_keys.create(session, tenant_id=None, name="gone")
        api_keys.revoke(session, row.id)
        _, tenants_key = api_keys.create(
            session, tenant_id=scene.values["tenant_id"], name="a tenant's"
        )
    for key in ("nonsense", revoked, tenants_key):
        assert scene.client.post("/dashboard/sign-in", data={"key": key}).status_code == 401
    scene.client.post("/dashboard/sign-in", data={"key": scene.key})
    tenants_id = "_".join(("key", tenants_key.split("_")[1]))
    own_id = "_".join(("key", scene.key.split("_")[1]))
    assert [entry[:2] for entry in scene.entries()] == [
        ("operator.sign_in_refused", "unknown"),
        ("operator.sign_in_refused", row.id),
        ("operator.sign_in_refused", tenants_id),
        ("operator.sign_in", own_id),
    ]
    log = str(sql(database, "SELECT audit_entries::text FROM audit_entries"))
    for key in (revoked, tenants_key, scene.key):
        assert key not in log
        assert key.split("_")[2] not in log
    assert "nonsense" not in log
    assert "testclient" in log  # the address


def test_refused_sign_ins_cannot_flood_the_log() -> None:
    limit = RefusalLimit()
    assert [limit.allows_one() for _ in range(MAX_REFUSALS + 1)] == [True] * MAX_REFUSALS + [False]


def test_a_tenants_own_sign_in_is_none_of_operators(scene: Scene, database: Database) -> None:
    with database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=scene.values["tenant_id"], name="own")
    assert scene.client.post("/playground/sign-in", data={"key": key}).status_code == 303
    assert scene.client.post("/playground/sign-in", data={"key": "bt_no"}).status_code == 401
    assert scene.entries() == []
