"""Webhooks of predictions: their bodies, their moments, and their signatures."""

import secrets
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from api.compat.webhook_forms import WebhookForms
from db.core.session import Database
from db.tenants import api_keys
from tests.integration.api.compat.replicate.conftest import Client
from tests.support.apis import MakeApi
from tests.support.receivers import Receiver, receiving
from tests.support.station import Station
from tests.support.webhooks import deliver_due, secret_of, webhook_dispatcher

SECRET = secrets.token_urlsafe(32)


@pytest.fixture
def local(make_api: MakeApi, database: Database, tenant_id: str) -> Iterator[Client]:
    """A client of a process whose webhooks may go to this machine."""
    app = make_api(
        BOTTEGA_URL_SECRET=SECRET,
        BOTTEGA_OUTBOUND_ALLOW='["127.0.0.0/8"]',
        BOTTEGA_OUTBOUND_HTTP="true",
        BOTTEGA_OUTBOUND_PORTS="[]",
    )
    with database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=tenant_id, name="")
    with TestClient(app) as http:
        yield Client(http, key, tenant_id)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks."""
    with receiving() as opened:
        yield opened


def test_each_event_is_the_prediction_at_that_moment(
    local: Client, database: Database, station: Station, receiver: Receiver
) -> None:
    body = {
        "version": "bottega/flux.1-demo",
        "input": {"prompt": "a red circle"},
        "webhook": f"{receiver.url}?order=7",
        "webhook_events_filter": ["start", "output", "completed"],
    }
    made = local.call("POST", "predictions", json=body).json()
    assert station.run_batch() == 1
    dispatcher = webhook_dispatcher(database, forms=WebhookForms(SECRET))
    while deliver_due(dispatcher):  # an endpoint gets a few at a time
        pass
    key = secret_of(database, local.tenant_id)
    told = [request.verified(key) for request in receiver.requests]
    told.sort(key=lambda each: (each["completed_at"] or "", bool(each["output"])))
    assert [each["status"] for each in told] == ["processing", "processing", "succeeded"]
    started, output, completed = told
    assert started["output"] is None
    assert output["output"]
    assert len(set(receiver.ids)) == len(told)
    assert all(request.path.endswith("?order=7") for request in receiver.requests)
    shown = local.get(f"predictions/{made['id']}")
    for name in ("id", "model", "version", "status", "input", "logs", "error", "source"):
        assert completed[name] == shown[name], name
    assert completed.keys() == shown.keys()
    [url] = completed["output"]
    assert local.http.get(url).status_code == 200
    assert local.http.get(completed["urls"]["stream"]).status_code == 200


def test_the_completed_event_alone(
    local: Client, database: Database, station: Station, receiver: Receiver
) -> None:
    body = {
        "version": "bottega/flux.1-demo",
        "input": {"prompt": "x"},
        "webhook_completed": receiver.url,
    }
    assert local.call("POST", "predictions", json=body).status_code == 201
    station.run_batch()
    deliver_due(webhook_dispatcher(database, forms=WebhookForms(SECRET)))
    [request] = receiver.requests
    assert request.verified(secret_of(database, local.tenant_id))["status"] == "succeeded"
