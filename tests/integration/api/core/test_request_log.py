"""A request's id follows its job from the API to the worker; each request has one log line."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from api.app import create_app
from db.core.session import Database
from db.tenants import api_keys
from tests.support.adapters import paint
from tests.support.apis import MakeApi
from tests.support.jobs import sql
from tests.support.receivers import receiving
from tests.support.station import Station
from tests.support.webhooks import deliver_due, webhook_dispatcher

SECRET = "zq-a-prompt"
SUBMISSION = {"model": "flux.1-demo", "input": {"prompt": SECRET}}

DELIVERED = ("bottega_webhook_deliveries_total", {"outcome": "delivered"})
ALLOWED = {
    "BOTTEGA_OUTBOUND_ALLOW": '["127.0.0.0/8"]',
    "BOTTEGA_OUTBOUND_HTTP": "true",
    "BOTTEGA_OUTBOUND_PORTS": "[]",
}

Call = tuple[str, str, Any, Mapping[str, str]]


@pytest.fixture
def key(database: Database, tenant_id: str) -> str:
    with database.transaction() as session:
        return api_keys.create(session, tenant_id=tenant_id, name="")[1]


@pytest.fixture(autouse=True)
def environment(make_api: MakeApi) -> None:
    """Set the variables that `answers` makes its process with."""
    make_api()


def answers(key: str, calls: Sequence[Call]) -> list[httpx.Response]:
    """Send a request to an API process in this interpreter."""

    async def ask() -> list[httpx.Response]:
        app = create_app()
        transport = httpx.ASGITransport(app=app)
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://a.test", headers=headers) as c,
        ):
            return [
                await c.request(method, path, json=body, headers=dict(more))
                for method, path, body, more in calls
            ]

    return asyncio.run(ask())


def test_a_request_leaves_one_line_and_its_id_goes_to_the_worker(
    station: Station, database: Database, key: str, tenant_id: str
) -> None:
    calls = [
        ("POST", "/v1/jobs", SUBMISSION, {"X-Request-Id": "mine-1"}),
        ("GET", f"/v1/jobs/{SECRET}", None, {"X-Request-Id": "not sane\x7f"}),
        ("GET", "/livez", None, {}),
    ]
    with capture_logs() as logs:
        submitted, missing, _ = answers(key, calls)
        station.run_batch(paint)
    job_id = submitted.json()["id"]
    assert submitted.headers["x-request-id"] == "mine-1"
    drawn = missing.headers["x-request-id"]
    assert len(drawn) == 32
    first, second = [line for line in logs if line["event"] == "request"]
    assert first == {
        "event": "request",
        "log_level": "info",
        "method": "POST",
        "route": "/v1/jobs",
        "status": 202,
        "seconds": first["seconds"],
        "bytes_in": int(submitted.request.headers["content-length"]),
        "bytes_out": len(submitted.content),
        "request_id": "mine-1",
        "tenant_id": tenant_id,
        "key_id": "_".join(("key", key.split("_")[1])),
        "job_id": job_id,
        "surface": "native",
    }
    assert (second["route"], second["status"]) == ("/v1/jobs/{job_id}", 404)
    assert second["request_id"] == drawn
    assert "job_id" not in second
    assert sql(database, "SELECT request_id FROM jobs") == [("mine-1",)]
    [attempt] = [line for line in logs if line["event"] == "attempt_finished"]
    assert (attempt["request_id"], attempt["job_id"]) == ("mine-1", job_id)
    assert attempt["outcome"] == "succeeded"
    assert attempt["batch"] == 1
    assert set(attempt["seconds"]) == {"fetch", "run", "store", "complete"}
    assert SECRET not in str(logs)


def test_the_id_goes_on_to_the_receiver_of_the_webhook(
    station: Station, database: Database, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ALLOWED.items():
        monkeypatch.setenv(name, value)
    with receiving() as receiver, capture_logs() as logs:
        sent = SUBMISSION | {"webhook": {"url": receiver.url}}
        calls: list[Call] = [("POST", "/v1/jobs", sent, {"X-Request-Id": "mine-2"})]
        [submitted] = answers(key, calls)
        station.run_batch(paint)
        before = REGISTRY.get_sample_value(*DELIVERED) or 0
        assert deliver_due(webhook_dispatcher(database)) == 1
        [request] = receiver.requests
    assert request.headers["x-request-id"] == "mine-2"
    [line] = [line for line in logs if line["event"] == "webhook_sent"]
    assert (line["request_id"], line["job_id"]) == ("mine-2", submitted.json()["id"])
    assert REGISTRY.get_sample_value(*DELIVERED) == before + 1
