"""Answers that the OpenAPI document promises, each called for once."""

import csv
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from db.core.session import Database
from db.tenants import api_keys
from db.tenants.api_keys import OperatorRole
from tests.support.apis import MakeApi
from tests.support.jobs import complete, running

Json = dict[str, Any]
LIMITS = ("max_in_flight", "images_per_month", "analyses_per_month", "requests_per_minute")
NO_TIMES = ("0.5", "0", "1700000000", "1e9", "-1", "nan", "20261123", "now")


@pytest.fixture
def app(make_api: MakeApi) -> Iterator[TestClient]:
    with TestClient(make_api(), follow_redirects=False) as client:
        yield client


@pytest.fixture
def tenant(app: TestClient, database: Database, tenant_id: str) -> TestClient:
    with database.transaction() as session:
        _, app.headers["x-key"] = api_keys.create(session, tenant_id=tenant_id, name="")
    return app


@pytest.fixture
def operator(app: TestClient, database: Database) -> TestClient:
    with database.transaction() as session:
        _, app.headers["x-key"] = api_keys.create(
            session, tenant_id=None, name="", role=OperatorRole.OPERATOR
        )
    return app


def operations(app: TestClient) -> list[tuple[str, str, Json]]:
    paths = app.get("/openapi.json").json()["paths"]
    return [
        (method.upper(), path.replace("{", "").replace("}", ""), operation)
        for path, found in paths.items()
        for method, operation in found.items()
    ]


def refusal(client: TestClient, method: str, path: str, **sent: Any) -> Json:
    """The problem of a request that is invalid."""
    answer = client.request(method, path, **sent)
    assert answer.status_code == 422, answer.text
    problem: Json = answer.json()
    return problem


def test_a_call_needs_a_key_where_the_document_says_so(app: TestClient) -> None:
    for method, path, operation in operations(app):
        refused = app.request(method, path).status_code == 401
        needs_key = bool(operation["security"]) and {} not in operation["security"]
        assert refused == needs_key, (method, path)


def test_allow_names_every_method_of_a_path(tenant: TestClient, database: Database) -> None:
    keys = {"tenant": tenant.headers["x-key"]}
    with database.transaction() as session:
        _, keys["operator"] = api_keys.create(
            session, tenant_id=None, name="", role=OperatorRole.OPERATOR
        )
    allowed = {
        "/v1/jobs": "GET, HEAD, OPTIONS, POST",
        "/v1/jobs/job_x": "DELETE, GET, HEAD, OPTIONS",
        "/v1/admin/bulk/cancel": "GET, HEAD, OPTIONS, POST",
        "/v1/admin/tenants/ten_x": "DELETE, GET, HEAD, OPTIONS, PATCH",
        "/v1/admin/tenants/ten_x/keys": "GET, HEAD, OPTIONS, POST",
        "/livez": "GET, HEAD, OPTIONS",
        "/dashboard/sign-in": "GET, HEAD, OPTIONS, POST",
        "/playground/sign-in": "GET, HEAD, OPTIONS, POST",
        "/docs/assets/favicon.png": "GET, HEAD, OPTIONS",
        "/dashboard/static/nothing.css": "GET, HEAD, OPTIONS",
    }
    for method in ("TRACE", "PUT", "BREW"):
        answers = {
            path: tenant.request(
                method, path, headers={"x-key": keys["operator" if "/admin/" in path else "tenant"]}
            )
            for path in allowed
        }
        assert {answer.status_code for answer in answers.values()} == {405}
        assert {path: answer.headers["allow"] for path, answer in answers.items()} == allowed


def test_usage_as_csv_has_the_documented_columns(
    tenant: TestClient, database: Database, tenant_id: str
) -> None:
    assert complete(database, running(database, tenant_id))
    answer = tenant.get("/v1/usage", params={"format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    [row] = csv.DictReader(answer.text.splitlines())
    documented = tenant.get("/openapi.json").json()["paths"]["/v1/usage"]["get"]["responses"]
    assert documented["200"]["content"]["text/csv"]["example"].split(",") == list(row)


def test_a_number_is_no_time(tenant: TestClient) -> None:
    for path, name in (("usage", "from"), ("usage", "to"), ("jobs", "created_after")):
        for time in NO_TIMES:
            problem = refusal(tenant, "GET", f"/v1/{path}", params={name: time})
            assert "ISO 8601" in problem["detail"]


def test_a_number_is_no_time_for_operators(operator: TestClient) -> None:
    for path in ("jobs", "audit", "bulk/cancel"):
        for name in ("created_after", "created_before"):
            problem = refusal(operator, "GET", f"/v1/admin/{path}", params={name: "1700000000"})
            assert "ISO 8601" in problem["detail"]


def test_a_time_in_iso_8601_is_accepted_and_is_in_utc_by_default(tenant: TestClient) -> None:
    for time, utc in (
        ("2026-11-01", "2026-11-01T00:00:00Z"),
        ("2026-11-01T12:00:00", "2026-11-01T12:00:00Z"),
        ("2026-11-01T12:00Z", "2026-11-01T12:00:00Z"),
        ("2026-11-01T12:00:00+02:00", "2026-11-01T10:00:00Z"),
    ):
        assert tenant.get("/v1/usage", params={"from": time}).json()["from"] == utc
        assert tenant.get("/v1/jobs", params={"created_after": time}).status_code == 200


def test_a_number_is_not_sent_as_text(operator: TestClient) -> None:
    tier, credit = ("PATCH", "tiers/free"), ("POST", "tenants/ten_x/credit")
    invalid: list[tuple[tuple[str, str], Json, str]] = [
        *((tier, {name: value}, name) for name in LIMITS for value in ("5", 5.5, True)),
        *((tier, {"weight": value}, "weight") for value in ("2", True)),
        *((credit, {"amount_micros": n, "reason": "r"}, "amount_micros") for n in ("5", 5.5)),
        (("POST", "bulk/cancel"), {"token": "x", "limit": "5"}, "limit"),
    ]
    for (method, path), body, name in invalid:
        problem = refusal(operator, method, f"/v1/admin/{path}", json=body)
        assert problem["errors"][0]["loc"] == ["body", name]


def test_the_expiry_of_a_job_is_a_number(tenant: TestClient) -> None:
    job = {"model": "flux.1-demo", "input": {"prompt": "x"}}
    for value in ("60", True):
        refusal(tenant, "POST", "/v1/jobs", json={**job, "expires_in_seconds": value})
    accepted = tenant.post("/v1/jobs", json={**job, "expires_in_seconds": 60})
    assert accepted.status_code == 202
