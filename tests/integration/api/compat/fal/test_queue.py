"""fal's queue through the real API, with a worker without a model."""

from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient

from db.core.session import Database
from tests.support import jobs
from tests.support.adapters import raising
from tests.support.station import Station
from workers.adapters.protocol import AdapterError

APP = "bottega/flux.1-demo"
Json = dict[str, Any]


class BrokenLoraError(AdapterError):
    code = "invalid_lora"


def submit(client: TestClient, app: str = APP, **fields: Any) -> Json:
    """Submit a request; fail unless it is accepted."""
    answer = client.post(f"/fal/queue/{app}", json={"prompt": "a red circle", **fields})
    assert answer.status_code == 200, answer.text
    submitted: Json = answer.json()
    assert answer.headers["x-fal-request-id"] == submitted["request_id"]
    return submitted


def result(client: TestClient, submitted: Json) -> Any:
    return client.get(submitted["response_url"])


def test_a_request_is_queued_run_and_answered(client: TestClient, station: Station) -> None:
    submitted = submit(client, seed=7, image_size="square", num_images=1)
    own = f"http://testserver/fal/queue/{APP}/requests/{submitted['request_id']}"
    assert submitted == {
        "status": "IN_QUEUE",
        "request_id": submitted["request_id"],
        "gateway_request_id": submitted["request_id"],
        "queue_position": 0,
        "response_url": own,
        "status_url": f"{own}/status",
        "cancel_url": f"{own}/cancel",
    }
    waiting = client.get(submitted["status_url"])
    assert waiting.status_code == 202
    assert (waiting.json()["status"], waiting.json()["queue_position"]) == ("IN_QUEUE", 0)
    assert waiting.json()["logs"] is None
    early = result(client, submitted)
    assert (early.status_code, early.json()["detail"]) == (400, "Request is still in progress")
    assert station.run_batch() == 1
    done = client.get(submitted["status_url"], params={"logs": True})
    assert (done.status_code, done.json()["status"]) == (200, "COMPLETED")
    assert done.json()["metrics"]["inference_time"] >= 0
    assert done.json()["logs"][-1]["message"].endswith("2/2")
    output = result(client, submitted)
    assert output.headers["x-fal-request-id"] == submitted["request_id"]
    [picture] = output.json().pop("images")
    assert output.json()["seed"] == 7
    assert (output.json()["prompt"], output.json()["has_nsfw_concepts"]) == (
        "a red circle",
        [False],
    )
    assert (picture["content_type"], picture["width"]) == ("image/jpeg", 16)
    bare = TestClient(client.app)  # no key
    fetched = bare.get(picture["url"], follow_redirects=False)
    assert (fetched.status_code, fetched.headers["content-type"]) == (200, "image/jpeg")
    assert len(fetched.content) == picture["file_size"]
    assert picture["url"].endswith(picture["file_name"])


def test_pictures_come_as_data_with_sync_mode(client: TestClient, station: Station) -> None:
    submitted = submit(client, sync_mode=True)
    station.run_batch()
    [picture] = result(client, submitted).json()["images"]
    assert picture["url"].startswith("data:image/jpeg;base64,/9j/")


def test_a_request_that_is_canceled(client: TestClient) -> None:
    submitted = submit(client)
    canceled = client.put(submitted["cancel_url"])
    assert (canceled.status_code, canceled.json()) == (202, {"status": "CANCELLATION_REQUESTED"})
    status = client.get(submitted["status_url"]).json()
    assert (status["status"], status["error_type"]) == ("COMPLETED", "client_cancelled")
    output = result(client, submitted)
    assert (output.status_code, output.json()["error_type"]) == (499, "client_cancelled")
    assert output.headers["X-Fal-Error-Type"] == "client_cancelled"
    again = client.put(submitted["cancel_url"])
    assert (again.status_code, again.json()["status"]) == (400, "ALREADY_COMPLETED")


def test_a_request_that_fails(client: TestClient, station: Station) -> None:
    submitted = submit(client)
    station.run_batch(raising(BrokenLoraError("this file is broken")))
    status = client.get(submitted["status_url"])
    assert (status.status_code, status.json()["error"]) == (200, "this file is broken")
    output = result(client, submitted)
    assert output.status_code == 422
    assert output.json()["detail"] == [
        {"loc": ["body", "loras"], "msg": "this file is broken", "type": "invalid_lora"}
    ]
    assert output.json()["message"] == "this file is broken"


def test_a_request_that_is_not_started_in_time(client: TestClient, database: Database) -> None:
    answer = client.post(
        f"/fal/queue/{APP}", json={"prompt": "x"}, headers={"X-Fal-Request-Timeout": "1.5"}
    )
    job_id = answer.json()["request_id"]
    jobs.let_expire(database, job_id)
    assert jobs.expire(database, job_id)
    output = result(client, answer.json())
    assert (output.status_code, output.json()["error_type"]) == (504, "request_timeout")
    assert output.headers["X-Fal-Request-Timeout-Type"] == "user"


def test_headers_of_a_request(client: TestClient, database: Database) -> None:
    headers = {"X-Fal-Queue-Priority": "low", "X-Fal-Request-Timeout": "60"}
    headers |= {"X-Fal-Runner-Hint": "a", "x-fal-no-retry": "1"}
    answer = client.post(f"/fal/queue/{APP}", json={"prompt": "x"}, headers=headers)
    row = jobs.found(database, answer.json()["request_id"])
    assert (row.priority, row.surface) == ("low", "fal")
    assert row.expires_at is not None
    assert 50 < (row.expires_at - row.created_at).total_seconds() <= 60
    answer = client.post(
        f"/fal/queue/{APP}", json={"prompt": "x"}, headers={"X-Fal-Request-Timeout": "soon"}
    )
    assert (answer.status_code, answer.json()["detail"][0]["loc"][-1]) == (
        422,
        "X-Fal-Request-Timeout",
    )


def test_the_same_request_again_rejoins_the_first(client: TestClient, database: Database) -> None:
    first, second = submit(client, seed=1), submit(client, seed=1)
    assert first["request_id"] == second["request_id"]
    assert submit(client, seed=2)["request_id"] != first["request_id"]
    assert jobs.counts(database, "jobs") == [2]


def test_an_idempotency_key_outlives_the_job(client: TestClient, station: Station) -> None:
    def post() -> Any:
        headers = {"Idempotency-Key": "k"}
        return client.post(f"/fal/queue/{APP}", json={"prompt": "x"}, headers=headers)

    first = post()
    station.run_batch()
    second = post()
    assert second.json()["request_id"] == first.json()["request_id"]
    assert second.headers["Idempotency-Replayed"] == "true"


def test_what_is_ignored_is_told(client: TestClient) -> None:
    answer = client.post(
        f"/fal/queue/{APP}",
        json={"prompt": "x", "enable_safety_checker": True, "guidance_scale": 3.5, "made_up": 1},
    )
    assert answer.status_code == 200
    told = "guidance_scale, enable_safety_checker, made_up"
    assert answer.headers["Bottega-Ignored"] == told
    view = client.get(f"/v1/jobs/{answer.json()['request_id']}").json()
    assert view["surface"] == "fal"
    assert [each["parameter"] for each in view["warnings"]] == told.split(", ")


@pytest.mark.parametrize(
    ("fields", "loc"),
    [
        ({"num_images": 5}, ["body", "num_images"]),
        ({"image_size": "huge"}, ["body", "image_size"]),
        ({"image_size": {"width": 9_000, "height": 64}}, ["body", "image_size", "width"]),
        ({"prompt": ""}, ["body", "prompt"]),
        ({"num_inference_steps": 0}, ["body", "num_inference_steps"]),
        ({"output_format": "gif"}, ["body", "output_format"]),
        ({"image_url": "nonsense"}, ["body", "image_url"]),
        ({"image_url": "https://127.0.0.1/a.png"}, ["body", "image_url"]),
        ({"loras": [{"path": "nope", "scale": 9}]}, ["body", "loras", "0", "scale"]),
    ],
)
def test_a_wrong_field_is_named_as_the_client_knows_it(
    client: TestClient, fields: Json, loc: list[str]
) -> None:
    answer = client.post(f"/fal/queue/{APP}", json={"prompt": "x", **fields})
    assert answer.status_code == 422, answer.text
    [detail] = answer.json()["detail"]
    assert detail["loc"] == loc
    assert detail["msg"]
    assert ".".join(loc[1:]) in answer.json()["message"]
    assert answer.headers["x-fal-request-id"]


def test_errors_have_the_form_of_fal(client: TestClient) -> None:
    bare = TestClient(client.app)
    for answer, status in [
        (bare.post(f"/fal/queue/{APP}", json={"prompt": "x"}), 401),
        (bare.post(f"/fal/queue/{APP}", headers={"Authorization": "Key no"}, json={}), 401),
        (client.post("/fal/queue/fal-ai/nothing", json={"prompt": "x"}), 404),
        (client.post(f"/fal/queue/{APP}/upscale", json={"prompt": "x"}), 404),
        (client.post("/fal/queue/fal-ai/flux-pro/kontext/nope", json={"prompt": "x"}), 404),
        (client.get(f"/fal/queue/{APP}/requests/job_none"), 404),
        (client.get(f"/fal/queue/{APP}/requests/job_none/status"), 404),
        (client.get(f"/fal/queue/{APP}/requests/job_none/status/stream"), 404),
        (client.put(f"/fal/queue/{APP}/requests/job_none/cancel"), 404),
        (client.get("/fal/nothing"), 404),
        (client.delete(f"/fal/queue/{APP}"), 405),
        (client.post(f"/fal/queue/{APP}", content=b"{", headers={"Content-Type": "a/b"}), 415),
        (client.post(f"/fal/queue/{APP}", content=b"{"), 415),
    ]:
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/json"
        body = answer.json()
        assert isinstance(body["detail"], str)
        assert body["message"]
        assert answer.headers["X-Fal-Error-Type"] == body["error_type"]
        assert answer.headers["x-fal-request-id"]


def test_an_unknown_name_is_repeated(client: TestClient) -> None:
    answer = client.post("/fal/queue/fal-ai/nothing-else", json={"prompt": "x"})
    assert "fal-ai/nothing-else" in answer.json()["detail"]
    answer = client.post("/fal/queue/bottega/florence-2-demo", json={"image_url": "x"})
    assert (answer.status_code, "object-detection" in answer.json()["detail"]) == (404, True)


def test_a_job_of_another_surface_is_followed(client: TestClient, station: Station) -> None:
    body = {"model": "flux.1-demo", "input": {"prompt": "x"}}
    job_id = client.post("/v1/jobs", json=body).json()["id"]
    status = client.get(f"/fal/queue/any/app/requests/{job_id}/status").json()
    assert status["status"] == "IN_QUEUE"
    assert status["response_url"].endswith(f"/fal/queue/{APP}/requests/{job_id}")
    station.run_batch()
    output = client.get(status["response_url"]).json()
    assert output["images"][0]["content_type"] == "image/png"


def test_the_status_as_a_stream(client: TestClient, station: Station) -> None:
    submitted = submit(client)
    station.run_batch()
    url = f"{submitted['status_url']}/stream?logs=1"
    with client.stream("GET", url) as response:
        assert response.headers["x-fal-request-id"] == submitted["request_id"]
        lines = [line for line in response.iter_lines() if line.startswith("data: ")]
    assert '"COMPLETED"' in lines[-1]


def test_the_document_is_served(client: TestClient) -> None:
    paths = client.get("/fal/openapi.json").json()["paths"]
    assert {"/queue/{app}", "/run/{app}/stream", "/rest/storage/upload/initiate"} <= paths.keys()


def test_a_webhook_by_proxy_keeps_its_own_query(client: TestClient, database: Database) -> None:
    hook = "https://hooks.example.org/fal?order=17&next=a%20b"
    target = f"https://queue.fal.run/{APP}?{urlencode({'fal_webhook': hook})}"
    answer = client.post(
        "/fal/proxy", json={"prompt": "a star"}, headers={"x-fal-target-url": target}
    )
    assert answer.status_code == 200, answer.text
    webhook = jobs.found(database, answer.json()["request_id"]).webhook
    assert webhook is not None
    assert (webhook["url"], webhook["surface"]) == (hook, "fal")


def test_a_webhook_to_an_address_of_ours_is_refused(client: TestClient) -> None:
    query = {"fal_webhook": "https://127.0.0.1/hook"}
    answer = client.post(f"/fal/queue/{APP}", json={"prompt": "x"}, params=query)
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "fal_webhook"])


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (None, 400),
        ("https://example.org/x", 412),
        ("https://fal.run.example.org/x", 412),
        ("https://[/x", 412),
        ("https://queue.fal.run/nobody/nothing", 404),
        ("https://rest.fal.ai/tokens/", 404),
    ],
)
def test_a_proxied_call_goes_nowhere_else(
    client: TestClient, target: str | None, status: int
) -> None:
    headers = {} if target is None else {"x-fal-target-url": target}
    answer = client.post("/fal/proxy", json={"prompt": "x"}, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["message"]
    assert answer.headers["x-fal-request-id"]


def test_all_of_the_queue_by_proxy(client: TestClient, station: Station) -> None:
    def call(method: str, target: str, **more: Any) -> Any:
        headers = {"x-fal-target-url": f"https://queue.fal.run/{target}"}
        return client.request(method, "/fal/proxy", headers=headers, **more)

    request_id = call("POST", APP, json={"prompt": "x"}).json()["request_id"]
    assert call("GET", f"{APP}/requests/{request_id}/status?logs=0").json()["logs"] is None
    station.run_batch()
    status = call("GET", f"{APP}/requests/{request_id}/status?logs=1").json()
    assert (status["status"], len(status["logs"]) > 0) == ("COMPLETED", True)
    assert call("GET", f"{APP}/requests/{request_id}").json()["images"]
    assert call("PUT", f"{APP}/requests/{request_id}/cancel").status_code == 400
