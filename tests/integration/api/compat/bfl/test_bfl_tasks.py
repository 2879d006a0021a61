"""Tasks by the API of FLUX's vendor: submitted, polled with and without a key, and refused."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.compat.bfl import polling
from api.resources import event_hub
from api.services import Services
from db.core.session import Database
from db.operators.actions import suspend_tenant
from db.operators.audit import Actor
from db.tenants import api_keys
from tests.support import jobs
from tests.support.adapters import raising
from tests.support.apis import MakeApi
from tests.support.pictures import encoded
from tests.support.station import FLORENCE2, Station
from tests.support.waiting import at_once, await_true
from workers.adapters.protocol import ContentModeratedError
from workers.messaging.events import Publisher

PROMPT = {"prompt": "a red circle"}
SUBMIT = "/bfl/v1/flux.1-demo"
Json = dict[str, Any]


def services_of(client: TestClient) -> Services:
    """The services of a client's process."""
    services: Services = getattr(client.app, "state").services  # noqa: B009 - an ASGI function
    return services


def key_of(database: Database, tenant_id: str) -> str:
    """A key of a tenant's own."""
    with database.transaction() as session:
        return api_keys.create(session, tenant_id=tenant_id, name="")[1]


@pytest.fixture
def key(database: Database, tenant_id: str) -> str:
    return key_of(database, tenant_id)


@pytest.fixture
def anonymous(make_api: MakeApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A client without a key, whose polls are not held."""
    monkeypatch.setattr(polling, "HOLD_SECONDS", 0.01)
    monkeypatch.setattr(polling, "ANONYMOUS_HOLD_SECONDS", 0.01)
    monkeypatch.setattr(event_hub, "RECONCILE_SECONDS", 600)
    with TestClient(make_api(), base_url="http://bottega.test") as opened:
        yield opened


@pytest.fixture
def client(anonymous: TestClient, key: str) -> TestClient:
    """The same process's client with a key."""
    opened = TestClient(anonymous.app, base_url="http://bottega.test", headers={"x-key": key})
    opened.portal = anonymous.portal  # the event loop of the process's own tasks
    return opened


def submitted(client: TestClient, **fields: Any) -> Json:
    """The answer to a submission."""
    response = client.post(SUBMIT, json=PROMPT | fields)
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


def polled(client: TestClient, task: Json) -> Json:
    """The state of a task."""
    answer: Json = client.get(task["polling_url"]).json()
    return answer


def test_a_task_is_submitted_polled_and_fetched(
    client: TestClient, anonymous: TestClient, station: Station
) -> None:
    task = submitted(client, width=128, height=64, seed=5)
    assert task == {
        "id": task["id"],
        "polling_url": f"http://bottega.test/bfl/v1/get_result?id={task['id']}",
        "cost": 0.1,
        "input_mp": 0.0,
        "output_mp": round(128 * 64 / 1024**2, 4),
    }
    pending = {"status": "Pending", "result": None, "details": None, "preview": None}
    for each in (client, anonymous):
        assert polled(each, task) == {"id": task["id"], "progress": None, **pending}
    station.run_batch()
    ready = polled(anonymous, task)
    assert (ready["status"], ready["progress"]) == ("Ready", 1.0)
    result = ready["result"]
    assert result["prompt"] == "a red circle"
    assert result["seed"] == 7
    assert result["duration"] == result["end_time"] - result["start_time"]
    assert result["sample"].endswith(".jpeg")
    picture = anonymous.get(result["sample"])
    assert picture.status_code == 200
    assert picture.headers["content-type"] == "image/jpeg"
    native = client.get(f"/v1/jobs/{task['id']}").json()
    assert (native["surface"], native["state"]) == ("bfl", "succeeded")


def test_a_task_is_submitted_at_the_other_addresses(client: TestClient) -> None:
    for path in ("/v1/{}", "/proxy/bfl/{}/generate", "/bfl/proxy/bfl/{}/generate"):
        task = client.post(path.format("flux.1-demo"), json=PROMPT).json()
        assert client.get(f"/v1/get_result?id={task['id']}").json()["status"] == "Pending"
    assert client.get("/v1/credits").json() == {"credits": 0.0}


def test_the_oldest_form_names_its_variant_in_the_body(client: TestClient) -> None:
    assert client.post("/v1/image", json={**PROMPT, "variant": "flux.1-demo"}).status_code == 200
    refused = client.post("/v1/image", json=PROMPT)
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["body", "variant"]


def test_fields_without_effect_are_named(client: TestClient) -> None:
    response = client.post(SUBMIT, json={**PROMPT, "safety_tolerance": 2, "raw": None, "x": 1})
    assert response.headers["Bottega-Ignored"] == "safety_tolerance, x"
    job = client.get(f"/v1/jobs/{response.json()['id']}").json()
    assert [each["parameter"] for each in job["warnings"]] == ["safety_tolerance", "x"]


def test_the_same_body_rejoins_its_unfinished_task(client: TestClient, station: Station) -> None:
    first, second = (client.post(SUBMIT, json=PROMPT) for _ in range(2))
    assert first.json() == second.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    station.run_batch()
    assert submitted(client)["id"] != first.json()["id"]
    keyed = [
        client.post(SUBMIT, json=PROMPT, headers={"Idempotency-Key": "once"}).json()["id"]
        for _ in range(2)
    ]
    assert keyed[0] == keyed[1]


def test_without_a_key_only_tasks_of_this_api_are_shown(
    client: TestClient, anonymous: TestClient, database: Database
) -> None:
    job_id = client.post("/v1/jobs", json={"model": "flux.1-demo", "input": PROMPT}).json()["id"]
    url = f"/bfl/v1/get_result?id={job_id}"
    assert client.get(url).json()["status"] == "Pending"
    for headers in ({}, {"x-key": "bottega_wrong"}):
        refused = anonymous.get(url, headers=headers)
        assert refused.status_code == 404
        assert refused.json()["status"] == "Task not found"
        assert refused.json()["result"] is None
    other = key_of(database, jobs.add_tenant(database))
    task = submitted(client)
    assert anonymous.get(task["polling_url"], headers={"x-key": other}).status_code == 404


@pytest.mark.parametrize("key_to_poll", [True, False])
def test_a_poll_waits_for_the_end_of_its_task_and_no_longer(
    client: TestClient,
    anonymous: TestClient,
    database: Database,
    publisher: Publisher,
    monkeypatch: pytest.MonkeyPatch,
    *,
    key_to_poll: bool,
) -> None:
    for name in ("HOLD_SECONDS", "ANONYMOUS_HOLD_SECONDS"):
        monkeypatch.setattr(polling, name, 60)
    task = submitted(client)
    hub = services_of(client).hub

    def end() -> Json:
        assert await_true(lambda: bool(hub.waiters))
        assert jobs.cancel(database, task["id"])
        publisher.publish_done(task["id"], "canceled")
        return {}

    found, _ = at_once([lambda: polled(client if key_to_poll else anonymous, task), end])
    assert found["status"] == "Error"
    assert found["details"] == {"code": "canceled", "message": "the task was canceled"}


def test_who_is_shut_out_during_a_poll_gets_nothing_of_the_task(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch, tenant_id: str
) -> None:
    task = submitted(client)

    async def suspend(*_arguments: object) -> None:
        with database.transaction() as session:
            assert suspend_tenant(session, Actor("key_0", "test"), tenant_id)

    monkeypatch.setattr(polling, "_hold", suspend)
    refused = client.get(task["polling_url"])
    assert refused.status_code == 403
    assert "suspended" in refused.json()["message"]


def test_an_id_grants_no_access_for_longer_than_a_url_or_its_key(
    client: TestClient, anonymous: TestClient, station: Station, database: Database, tenant_id: str
) -> None:
    task = submitted(client)
    assert polled(anonymous, task)["status"] == "Pending"
    station.run_batch()
    assert polled(anonymous, task)["status"] == "Ready"
    seconds = services_of(client).settings.artifact_url_seconds
    age = "UPDATE jobs SET finished_at = finished_at - make_interval(secs => :seconds)"
    jobs.sql(database, age, seconds=seconds + 60)
    assert polled(anonymous, task)["status"] == "Task not found"
    assert polled(client, task)["status"] == "Ready"
    later = submitted(client, seed=2)
    deleted = submitted(client, seed=3)
    assert jobs.cancel(database, deleted["id"])
    assert client.delete(f"/v1/jobs/{deleted['id']}").status_code == 200
    assert polled(anonymous, deleted)["status"] == "Task not found"
    with database.transaction() as session:
        assert suspend_tenant(session, Actor("key_0", "test"), tenant_id)
    assert polled(anonymous, later)["status"] == "Task not found"


def test_a_poll_beyond_the_limit_of_waits_is_answered_at_once(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "HOLD_SECONDS", 60)
    services_of(client).waiter_limits._limits["long polls"] = 0
    assert polled(client, submitted(client))["status"] == "Pending"


def test_a_moderated_task_is_told_with_its_reason(client: TestClient, station: Station) -> None:
    task = submitted(client)
    station.run_batch(raising(ContentModeratedError("nothing to see")))
    found = polled(client, task)
    assert found["status"] == "Request Moderated"
    assert found["details"]["Moderation Reasons"] == [found["details"]["message"]]


def test_the_transparency_of_a_picture_is_its_mask(
    client: TestClient, database: Database, station: Station
) -> None:
    picture = Image.new("RGBA", (64, 64), (255, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 32, 64))
    data = base64.b64encode(encoded(picture)).decode()
    task = submitted(client, image=data)
    given = jobs.found(database, task["id"]).input
    mask = Image.open(io.BytesIO(station.store.get(given["mask"]).data))
    assert [mask.getpixel((x, 9)) for x in (9, 40)] == [255, 0]
    assert task["input_mp"] == round(64 * 64 / 1024**2, 4)
    opaque = base64.b64encode(encoded(picture.convert("RGB"))).decode()
    painted = jobs.found(database, submitted(client, image=opaque)["id"]).input
    assert painted["mask"] is None
    assert painted["image"]


def test_a_webhook_is_kept_in_the_vendor_s_form(client: TestClient, database: Database) -> None:
    url = "https://example.org/hook?token=1"
    task = submitted(client, webhook_url=url, webhook_secret="a shared secret")
    assert (task["status"], task["webhook_url"]) == ("Pending", url)
    kept = jobs.found(database, task["id"]).webhook
    assert kept is not None
    assert (kept["url"], kept["surface"], kept["secret"]) == (url, "bfl", "a shared secret")
    # Another secret is another request: its receiver could not verify the first one's signature.
    assert submitted(client, webhook_url=url, webhook_secret="other")["id"] != task["id"]


INVALID: tuple[tuple[Json, str], ...] = (
    ({"width": 7}, "width"),
    ({"prompt": None}, "prompt"),
    ({"seed": "many"}, "seed"),
    ({"image_prompt": "data:image/png;base64,AAAA"}, "image_prompt"),
    ({"image": "iVBORw0KGgo"}, "image"),
    ({"image": "no picture"}, "image"),
    ({"input_image": 7}, "input_image"),
    ({"mask": "iVBORw0KGgo"}, "mask"),
    ({"webhook_url": "ftp://example.org/"}, "webhook_url"),
    ({"webhook_url": "http://127.0.0.1/"}, "webhook_url"),
    ({"webhook_url": 7}, "webhook_url"),
    ({"webhook_url": "https://example.org/", "webhook_secret": 7}, "webhook_secret"),
    ({"webhook_url": "https://example.org/", "webhook_secret": "a\nb"}, "webhook_secret"),
    ({"webhook_url": "https://example.org/", "webhook_secret": "a "}, "webhook_secret"),
)


def test_an_invalid_field_is_named_as_the_vendor_names_it(client: TestClient) -> None:
    for fields, name in INVALID:
        refused = client.post(SUBMIT, json=PROMPT | fields)
        assert refused.status_code == 422, refused.text
        body = refused.json()
        assert body["detail"][0]["loc"] == ["body", name]
        assert {*body["detail"][0]} == {"loc", "msg", "type"}
        assert name in body["message"] or body["message"] == body["detail"][0]["msg"]
        assert body["error"] == body["message"]


UNSERVED = {
    "flux-9": "flux-9",
    "flux-pro-1.0-fill": "flux.1-fill-dev",
    "flux-pro-1.0-expand": "beyond",
    "flux-3-video": "videos",
    "finetune": "LoRAs",
    FLORENCE2: "looks at pictures",
}


def test_an_endpoint_that_nothing_serves_is_refused_with_the_reason(client: TestClient) -> None:
    for endpoint, told in UNSERVED.items():
        refused = client.post(f"/bfl/v1/{endpoint}", json=PROMPT)
        assert refused.status_code == 404
        assert endpoint in refused.json()["message"]
        assert told in refused.json()["detail"]


def test_a_known_endpoint_that_is_not_offered_tells_its_variant(
    make_api: MakeApi, key: str
) -> None:
    app = make_api(BOTTEGA_VARIANTS='["flux.1-demo"]')
    with TestClient(app, headers={"x-key": key}) as client:
        refused = client.post("/bfl/v1/flux-2-pro-preview", json=PROMPT)
    assert refused.status_code == 404
    assert "flux-2-pro-preview" in refused.json()["detail"]
    assert "flux.2-pro" in refused.json()["detail"]


def test_errors_without_a_key_have_the_vendor_s_form(anonymous: TestClient) -> None:
    two = {"x-key": "a", "x-api-key": "b"}
    calls = [
        (anonymous.post(SUBMIT, json=PROMPT), 403),
        (anonymous.get("/bfl/v1/credits", headers={"x-key": "no"}), 403),
        (anonymous.get("/v1/get_result?id=x", headers=two), 403),
        (anonymous.get("/bfl/nothing"), 403),
        (anonymous.get("/bfl/v1/get_result"), 422),
    ]
    for refused, status in calls:
        assert refused.status_code == status
        assert {"detail", "error", "message"} == refused.json().keys()


def test_errors_of_bodies_and_methods_have_the_vendor_s_form(client: TestClient) -> None:
    calls = [
        (client.post(SUBMIT, content=b"{", headers={"Content-Type": "application/json"}), 422),
        (client.post(SUBMIT, json=[1]), 422),
        (client.post(SUBMIT, content=b"a=b"), 415),
        (client.post(SUBMIT, json={"prompt": "a" * 2_000_000}), 413),
        (client.get(SUBMIT), 405),
        (client.get("/bfl/v1/my_finetunes"), 404),
        (client.get("/bfl/nothing"), 404),
    ]
    for refused, status in calls:
        assert refused.status_code == status, refused.text
        assert {"detail", "error", "message"} == refused.json().keys()


def test_who_cannot_pay_gets_402_and_who_has_too_many_tasks_429(
    make_api: MakeApi, database: Database
) -> None:
    poor = key_of(database, jobs.add_tenant(database, images_per_month=0))
    busy = key_of(database, jobs.add_tenant(database, max_in_flight=0))
    with TestClient(make_api()) as client:
        refused = client.post(SUBMIT, json=PROMPT, headers={"x-key": poor})
        assert refused.status_code == 402
        assert refused.json()["detail"] == refused.json()["message"]
        refused = client.post(SUBMIT, json=PROMPT, headers={"x-key": busy})
        assert refused.status_code == 429
        assert refused.headers["Retry-After"].isdecimal()


def test_credits_are_the_balance_in_cents(make_api: MakeApi, database: Database) -> None:
    key = key_of(database, jobs.add_tenant(database, credit_micros=125_000, images_per_month=0))
    with TestClient(make_api(), headers={"x-key": key}) as client:
        assert client.get("/bfl/v1/credits").json() == {"credits": 12.5}
        assert submitted(client)["cost"] == 0.1
        assert client.get("/bfl/v1/credits").json() == {"credits": 12.4}


def test_uses_under_a_licence_are_accepted(client: TestClient) -> None:
    url = "/bfl/v1/licenses/models/flux-dev/usage"
    assert client.post(url, json={"number_of_generations": 3}).status_code == 200
    refused = client.post(url, json={"number_of_generations": -1})
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["body", "number_of_generations"]


def test_no_call_of_the_native_api_is_taken_for_an_endpoint(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    posts = [path for path, calls in document["paths"].items() if "post" in calls]
    assert "/v1/jobs" in posts
    for path in posts:
        answer = client.post(path, content=b"{", headers={"Content-Type": "application/json"})
        assert "message" not in answer.json(), path
