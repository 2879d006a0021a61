"""Webhooks over HTTP: requested with a job, listed with every attempt, redelivered, signed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from db.core.session import Database
from db.tenants import api_keys
from tests.support import jobs
from tests.support.apis import MakeApi
from tests.support.receivers import Reply, receiving
from tests.support.webhooks import (
    deliver_due,
    failed_job,
    of_job,
    outbound,
    pass_time,
    rotate,
    webhook_dispatcher,
)

Json = dict[str, Any]

URL = "https://receiver.example/hook"
INPUT = {"model": "flux.1-demo", "input": {"prompt": "a red circle"}}
DELIVERIES = "/v1/webhooks/deliveries"
SECRET = "/v1/webhooks/secret"


@pytest.fixture
def app(make_api: MakeApi) -> Iterator[TestClient]:
    """A client of an API process, without a key."""
    app = make_api(BOTTEGA_PUBLIC_URL="https://api.example/")
    with TestClient(app, base_url="https://api.example") as client:
        yield client


@pytest.fixture
def tenant_id(database: Database) -> str:
    return jobs.add_tenant(database)


@pytest.fixture
def client(app: TestClient, database: Database, tenant_id: str) -> TestClient:
    return signed_in(app, database, tenant_id)


def signed_in(app: TestClient, database: Database, tenant_id: str) -> TestClient:
    """A client of the same process, with a tenant's key."""
    with database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=tenant_id, name="")
    headers = {"Authorization": f"Bearer {key}"}
    return TestClient(app.app, base_url="https://api.example", headers=headers)


def refusal(client: TestClient, webhook: Json) -> Json:
    """The refusal of a submission with this webhook; it makes no job."""
    answer = client.post("/v1/jobs", json={**INPUT, "webhook": webhook})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/v1/jobs").json()["jobs"] == []
    problem: Json = answer.json()
    return problem


def test_a_job_tells_its_webhook_how_it_ended(client: TestClient, database: Database) -> None:
    webhook = {"url": URL, "events": ["job.canceled", "job.canceled"]}
    answer = client.post("/v1/jobs", json={**INPUT, "webhook": webhook})
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["id"]
    client.post(f"/v1/jobs/{job_id}/cancel")
    [row] = of_job(database, job_id)
    assert (row.event, row.url) == ("job.canceled", URL)
    assert f'"self":"https://api.example/v1/jobs/{job_id}"' in row.body


def test_without_a_public_url_a_webhook_has_the_urls_by_which_the_job_was_submitted(
    make_api: MakeApi, database: Database, tenant_id: str
) -> None:
    with TestClient(make_api(), base_url="http://127.0.0.1:8000") as app:
        client = signed_in(app, database, tenant_id)
        answer = client.post("/v1/jobs", json={**INPUT, "webhook": {"url": URL}})
        job_id = answer.json()["id"]
        client.post(f"/v1/jobs/{job_id}/cancel")
    [row] = of_job(database, job_id)
    assert f'"self":"{answer.json()["urls"]["self"]}"' in row.body
    assert f"/v1/jobs/{job_id}" in answer.json()["urls"]["self"]


def test_every_way_to_end_is_told_of_unless_events_are_chosen(
    client: TestClient, database: Database
) -> None:
    for events, told in [({}, 1), ({"events": ["job.succeeded"]}, 0)]:
        webhook = {"url": URL, **events}
        job = client.post("/v1/jobs", json={**INPUT, "webhook": webhook}).json()
        client.post(f"/v1/jobs/{job['id']}/cancel")
        assert len(of_job(database, job["id"])) == told


@pytest.mark.parametrize(
    "url",
    [
        "http://receiver.example/hook",
        "ftp://receiver.example/hook",
        "receiver.example/hook",
        "https://someone:secret@receiver.example/hook",
        "https://receiver.example:22/hook",
        "https://127.0.0.1/hook",
        "https://10.1.2.3/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/hook",
        "https://[::ffff:10.0.0.1]/hook",
        "https://2130706433/hook",
        "https://0x7f.1/hook",
        "https://localhost/hook",
        "https://db.localhost/hook",
        "https://straße.example/hook",
        "https://receiver.example/hook\nX: y",
        "",
    ],
)
def test_a_url_that_is_never_sent_to_is_refused_at_submission(client: TestClient, url: str) -> None:
    problem = refusal(client, {"url": url})
    assert problem["errors"][0]["loc"] == ["body", "webhook", "url"]
    assert "secret" not in str(problem)


@pytest.mark.parametrize(
    "webhook",
    [
        {},
        {"url": URL, "events": []},
        {"url": URL, "events": ["job.running"]},
        {"url": URL, "more": 1},
        {"url": "https://receiver.example/" + "x" * 2_000},
    ],
)
def test_a_webhook_of_another_form_is_refused(client: TestClient, webhook: Json) -> None:
    assert refusal(client, webhook)["errors"][0]["loc"][:2] == ["body", "webhook"]


def test_a_quote_refuses_the_same_urls(client: TestClient) -> None:
    body = {**INPUT, "webhook": {"url": "https://10.0.0.1/"}}
    assert client.post("/v1/jobs?dry_run=true", json=body).status_code == 422


def test_a_delivery_is_listed_with_every_attempt(
    client: TestClient, database: Database, tenant_id: str
) -> None:
    with receiving(Reply(503)) as receiver:
        message = failed_job(database, tenant_id, receiver.url)
        deliver_due(webhook_dispatcher(database))
        [waiting] = client.get(DELIVERIES).json()["deliveries"]
        wait = datetime.fromisoformat(waiting["next_attempt_at"]) - datetime.now(UTC)
        assert timedelta(seconds=2) < wait < timedelta(seconds=6)
        pass_time(database, 6)
        deliver_due(webhook_dispatcher(database))
    [delivered] = client.get(DELIVERIES).json()["deliveries"]
    assert (waiting["id"], waiting["state"], waiting["event"]) == (message, "pending", "job.failed")
    assert (delivered["state"], delivered["next_attempt_at"]) == ("delivered", None)
    attempts = [(one["number"], one["status"], one["error"]) for one in delivered["attempts"]]
    assert attempts == [(1, 503, None), (2, 200, None)]


def test_the_list_does_not_tell_a_refused_address_from_a_dead_one(
    client: TestClient, database: Database, tenant_id: str
) -> None:
    with receiving() as receiver:
        failed_job(database, tenant_id, receiver.url)
        deliver_due(webhook_dispatcher(database, outbound(allow=())))
    [listed] = client.get(DELIVERIES).json()["deliveries"]
    assert listed["attempts"][0]["error"] == "unreachable"


def test_deliveries_are_selected_by_job_and_state_and_come_in_pages(
    client: TestClient, database: Database, tenant_id: str
) -> None:
    messages = [failed_job(database, tenant_id, URL) for _ in range(5)][::-1]
    jobs.sql(database, "UPDATE deliveries SET state = 'delivered' WHERE id = :id", id=messages[1])

    def ids(**query: Any) -> list[str]:
        answer = client.get(DELIVERIES, params=query).raise_for_status()
        return [one["id"] for one in answer.json()["deliveries"]]

    assert ids() == messages
    assert ids(state="delivered") == messages[1:2]
    assert ids(state="pending") == [messages[0], *messages[2:]]
    [[job_id]] = jobs.sql(database, "SELECT job_id FROM deliveries WHERE id = :id", id=messages[3])
    assert ids(job_id=job_id) == messages[3:4]
    first = client.get(DELIVERIES, params={"limit": 2, "state": "pending"})
    assert first.links["next"]["url"].startswith("https://api.example/v1/webhooks/deliveries?")
    cursor = first.json()["next_cursor"]
    assert ids(limit=2, state="pending", cursor=cursor) == messages[3:]
    wrong = client.get(DELIVERIES, params={"cursor": "am9iXzE="})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_input")


def test_a_redelivery_enables_a_disabled_endpoint_again(
    client: TestClient, database: Database, tenant_id: str
) -> None:
    with receiving(Reply(410)) as receiver:
        message = failed_job(database, tenant_id, receiver.url)
        deliver_due(webhook_dispatcher(database))
        [disabled] = client.get(DELIVERIES, params={"state": "disabled"}).json()["deliveries"]
        assert (disabled["id"], disabled["next_attempt_at"]) == (message, None)
        answer = client.post(f"{DELIVERIES}/{message}/redeliver")
        assert (answer.status_code, answer.json()["state"]) == (202, "pending")
        deliver_due(webhook_dispatcher(database))
    [delivered] = client.get(DELIVERIES).json()["deliveries"]
    assert delivered["state"] == "delivered"
    assert receiver.ids == [message, message]


def test_another_tenants_deliveries_are_not_there(
    app: TestClient, client: TestClient, database: Database
) -> None:
    other_id = jobs.add_tenant(database)
    message = failed_job(database, other_id, URL)
    assert client.get(DELIVERIES).json() == {"deliveries": [], "next_cursor": None}
    for unknown in (message, "msg_0", "x" * 400):
        answer = client.post(f"{DELIVERIES}/{unknown}/redeliver")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    other = signed_in(app, database, other_id)
    assert [one["id"] for one in other.get(DELIVERIES).json()["deliveries"]] == [message]


def test_the_secret_is_the_one_that_signs_and_each_tenants_own(
    app: TestClient, client: TestClient, database: Database, tenant_id: str
) -> None:
    answer = client.get(SECRET)
    secret = answer.json()["secret"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["previous_expires_at"] is None
    assert client.get(SECRET).json()["secret"] == secret
    other = signed_in(app, database, jobs.add_tenant(database))
    assert other.get(SECRET).json()["secret"] != secret
    with receiving() as receiver:
        failed_job(database, tenant_id, receiver.url)
        deliver_due(webhook_dispatcher(database))
    assert receiver.requests[0].verified(secret)["type"] == "job.failed"


def test_a_rotation_tells_until_when_the_former_secret_signs(
    client: TestClient, database: Database, tenant_id: str
) -> None:
    before = client.get(SECRET).json()["secret"]
    rotated = client.post(f"{SECRET}/rotate").json()
    assert rotated["secret"] != before
    left = datetime.fromisoformat(rotated["previous_expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)
    assert client.get(SECRET).json() == rotated
    assert rotate(database, tenant_id) == client.get(SECRET).json()["secret"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", DELIVERIES),
        ("POST", f"{DELIVERIES}/msg_1/redeliver"),
        ("GET", SECRET),
        ("POST", f"{SECRET}/rotate"),
    ],
)
def test_every_call_needs_a_key(app: TestClient, method: str, path: str) -> None:
    assert app.request(method, path).status_code == 401
