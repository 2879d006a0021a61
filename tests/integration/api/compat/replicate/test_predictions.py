"""Predictions as Replicate's clients make, wait for, list and cancel them."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.compat.replicate.version_ids import version_id
from api.compat.shared import room
from api.compat.shared.pictures import data_uri
from db.core.session import Database
from db.tenants import api_keys
from db.values.job_state import JobState
from tests.integration.api.compat.replicate.conftest import Client, MakeClient
from tests.support.adapters import Behaviour, Gate, raising
from tests.support.jobs import sql
from tests.support.pictures import encoded
from tests.support.station import Station, picture
from tests.support.waiting import await_true
from workers.adapters.protocol import AdapterError

Json = dict[str, Any]

MODEL = "bottega/flux.1-demo"


@contextmanager
def working(station: Station, *script: Behaviour) -> Iterator[None]:
    """A worker runs the first batch that it finds, in another thread."""
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(await_true, lambda: station.run_batch(*script) > 0)
        yield
        assert done.result(timeout=30)


def test_a_prediction_is_a_job(client: Client) -> None:
    for n, (path, more) in enumerate(WAYS):
        prompt = {"prompt": f"a red circle {n}"}
        answer = client.call("POST", path, json={"input": prompt, **more})
        assert answer.status_code == 201, answer.text
        made = answer.json()
        facts = (made["status"], made["model"], made["version"], made["input"])
        assert facts == ("starting", MODEL, version_id("flux.1-demo"), prompt)
        assert answer.headers["location"] == made["urls"]["get"]
        job = client.http.get(f"/v1/jobs/{made['id']}", headers={"x-key": client.key}).json()
        assert (job["id"], job["surface"]) == (made["id"], "replicate")
        assert client.get(made["urls"]["get"])["id"] == made["id"]


WAYS: list[tuple[str, Json]] = [
    ("predictions", {"version": version_id("flux.1-demo")}),
    ("predictions", {"version": MODEL}),
    ("predictions", {"version": f"{MODEL}:{version_id('flux.1-demo')}"}),
    ("predictions", {"model": MODEL, "version": None}),
    (f"models/{MODEL}/predictions", {"webhook": None, "stream": True, "unknown": [1]}),
    (f"deployments/{MODEL}/predictions", {}),
]


def test_what_is_ignored_is_told(client: Client) -> None:
    body = {"input": {"prompt": "x", "go_fast": True, "guidance": 3.5, "raw": None}}
    answer = client.call("POST", f"models/{MODEL}/predictions", json=body)
    assert answer.headers["bottega-ignored"] == "guidance, go_fast"
    job = client.http.get(f"/v1/jobs/{answer.json()['id']}", headers={"x-key": client.key}).json()
    assert [each["parameter"] for each in job["warnings"]] == ["guidance", "go_fast"]


def test_a_wait_ends_with_the_prediction(client: Client, station: Station) -> None:
    with working(station):
        made = client.predict({"Prefer": "wait"}, num_outputs=1, output_format="png")
    assert made["status"] == "succeeded"
    assert made["logs"].endswith("2/2")
    assert {"predict_time", "total_time"} == made["metrics"].keys()
    [url] = made["output"]
    assert url.endswith(".png")
    shown = client.http.get(url, follow_redirects=False)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")


def test_a_wait_that_ends_early_says_starting(client: Client, station: Station) -> None:
    gate = Gate()
    with working(station, gate):
        try:
            made = client.predict({"Prefer": "wait=1"})
            assert gate.entered.wait(15)
            running = client.get(f"predictions/{made['id']}")
        finally:
            gate.opened.set()
    # A client takes any other status for the end.
    assert (made["status"], running["status"]) == ("starting", "processing")
    assert client.get(f"predictions/{made['id']}")["status"] == "succeeded"


def test_a_failure_is_text(client: Client, station: Station) -> None:
    error = AdapterError("the model broke")
    with working(station, raising(error)):
        made = client.predict({"Prefer": "wait"})
    assert made["status"] == "failed"
    assert isinstance(made["error"], str)
    assert made["output"] is None


def test_cancel(client: Client) -> None:
    made = client.predict()
    canceled = client.call("POST", f"predictions/{made['id']}/cancel").json()
    assert canceled["status"] == "canceled"
    assert canceled["completed_at"]
    again = client.call("POST", f"predictions/{made['id']}/cancel")
    assert (again.status_code, again.json()["status"]) == (200, "canceled")


def test_a_prediction_may_be_late(client: Client, database: Database) -> None:
    made = client.predict({"Cancel-After": "90s"})
    [[seconds]] = sql(
        database,
        "SELECT extract(epoch FROM expires_at - created_at) FROM jobs WHERE id = :id",
        id=made["id"],
    )
    assert seconds == 90
    wrong = client.call(
        "POST",
        "predictions",
        json={"version": MODEL, "input": {"prompt": "x"}},
        headers={"Cancel-After": "soon"},
    )
    assert (wrong.status_code, "Cancel-After" in wrong.json()["detail"]) == (422, True)


def test_the_same_request_rejoins_its_unfinished_prediction(client: Client) -> None:
    first, again = client.predict(seed=1), client.predict(seed=1)
    assert first["id"] == again["id"]
    assert client.predict(seed=2)["id"] != first["id"]
    client.call("POST", f"predictions/{first['id']}/cancel")
    assert client.predict(seed=1)["id"] != first["id"]
    # A key does so for longer.
    keyed = {"Idempotency-Key": "one"}
    first = client.predict(keyed)
    client.call("POST", f"predictions/{first['id']}/cancel")
    assert client.predict(keyed)["id"] == first["id"]
    other = client.call(
        "POST", "predictions", json={"version": MODEL, "input": {"prompt": "b"}}, headers=keyed
    )
    assert other.status_code == 422


def test_lists_have_pages(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.compat.replicate.routes.predictions._PAGE", 2)
    made = [client.predict(seed=seed)["id"] for seed in range(5)]
    shown: list[str] = []
    url: str | None = "predictions?created_after=2026-01-01T00:00:00Z"
    while url:
        page = client.get(url)
        assert page["previous"] is None
        shown += [each["id"] for each in page["results"]]
        url = page["next"]
    assert shown == made[::-1]
    assert client.get("predictions?created_before=2026-01-01T00:00:00Z")["results"] == []


def test_every_job_of_ones_own_is_a_prediction(client: Client, make_client: MakeClient) -> None:
    body = {"model": "flux.1-demo", "input": {"prompt": "native", "seed": 5}}
    job = client.http.post("/v1/jobs", json=body, headers={"x-key": client.key}).json()
    shown = client.get(f"predictions/{job['id']}")
    assert (shown["model"], shown["input"]["prompt"]) == (MODEL, "native")
    other = make_client()
    for method, path in (("GET", ""), ("POST", "/cancel")):
        answer = other.call(method, f"predictions/{job['id']}{path}")
        assert answer.status_code == 404
        assert answer.json()["title"] == "Not found"
    assert other.get("predictions")["results"] == []


def test_errors(client: Client) -> None:
    for body, field in WRONG:
        answer = client.call("POST", "predictions", json=body)
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        if field is None:
            assert problem["title"] == "Invalid version or not permitted"
        else:
            assert problem["title"] == "Input validation failed"
            assert [each["field"] for each in problem["invalid_fields"]] == [field]
            assert problem["detail"].startswith(f"- {field}: ")
    named = "models/black-forest-labs/flux-9/predictions"
    answer = client.call("POST", named, json={"input": {"prompt": "x"}})
    assert answer.status_code == 404
    assert "black-forest-labs/flux-9" in answer.json()["detail"]


WRONG: list[tuple[Json, str | None]] = [
    ({"version": MODEL, "input": {"prompt": "x", "num_outputs": 9}}, "input.num_outputs"),
    ({"version": MODEL, "input": {"prompt": "x", "image": "nope"}}, "input.image"),
    ({"version": MODEL, "input": {"prompt": "x", "size": "big"}}, "input.size"),
    ({"version": MODEL, "input": {}}, "input.prompt"),
    ({"version": MODEL}, "input.prompt"),
    ({"version": MODEL, "input": 7}, "input"),
    ({"input": {"prompt": "x"}}, "version"),
    ({"version": "0" * 64, "input": {"prompt": "x"}}, None),
    ({"version": "a/b", "input": {"prompt": "x"}}, None),
    (
        {"version": MODEL, "input": {"prompt": "x"}, "webhook": "http://10.0.0.1/"},
        "webhook",
    ),
    (
        {"version": MODEL, "input": {"prompt": "x"}, "webhook_events_filter": ["end"]},
        "webhook_events_filter.0",
    ),
]


def test_spent_credit(make_client: MakeClient) -> None:
    poor = make_client(images_per_month=0)
    answer = poor.call("POST", "predictions", json={"version": MODEL, "input": {"prompt": "x"}})
    assert (answer.status_code, answer.json()["title"]) == (402, "Insufficient credit")


def test_a_full_tenant_waits_for_room(make_client: MakeClient) -> None:
    client = make_client(max_in_flight=1)
    first = client.predict(seed=1)
    leave = threading.Timer(0.3, client.call, ("POST", f"predictions/{first['id']}/cancel"))
    leave.start()
    assert client.predict(seed=2)["status"] == "starting"
    leave.join()


def test_a_tenant_that_stays_full_is_refused(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "ROOM_SECONDS", 0.3)
    client = make_client(max_in_flight=1)
    client.predict(seed=1)
    answer = client.call("POST", "predictions", json={"version": MODEL, "input": {"prompt": "x"}})
    assert answer.status_code == 429
    assert answer.headers["retry-after"].isdecimal()


def test_a_key_with_all_its_waits_open_is_refused_at_once(
    make_client: MakeClient, http: TestClient
) -> None:
    client = make_client(max_in_flight=1)
    made = client.predict(seed=1)
    services = http.app.state.services  # type: ignore[attr-defined]
    key_id = api_keys.key_id_of(client.key) or ""
    with ExitStack() as open_waits:
        for _ in range(services.settings.max_long_polls_per_key):
            open_waits.enter_context(services.waiter_limits.long_poll(key_id))
        body = {"version": MODEL, "input": {"prompt": "x"}}
        began = time.monotonic()
        assert client.call("POST", "predictions", json=body).status_code == 429
        assert time.monotonic() - began < room.ROOM_SECONDS
        # A wait for the end is a preference alone.
        assert client.predict({"Prefer": "wait"}, seed=1)["id"] == made["id"]


def test_webhooks_have_the_clients_events(client: Client, database: Database) -> None:
    url = "https://receiver.example.org/hook?a=b"
    for more, events in (
        ({"webhook": url}, {"job.started", "job.output", "job.logs", *ENDS}),
        ({"webhook": url, "webhook_events_filter": ["start", "completed"]}, {"job.started", *ENDS}),
        ({"webhook_completed": url}, ENDS),
    ):
        body = {"version": MODEL, "input": {"prompt": str(more)}, **more}
        made = client.call("POST", "predictions", json=body).json()
        [[webhook]] = sql(database, "SELECT webhook FROM jobs WHERE id = :id", id=made["id"])
        assert (webhook["url"], webhook["surface"]) == (url, "replicate")
        assert set(webhook["events"]) == events


ENDS = {f"job.{state}" for state in JobState if state not in (JobState.QUEUED, JobState.RUNNING)}


def test_a_region_of_a_picture(client: Client, database: Database) -> None:
    body = {
        "version": "bottega/florence-2-demo",
        "input": {
            "image": data_uri(picture((80, 60))),
            "task_input": "Region to Category",
            "text_input": "<loc_0><loc_0><loc_499><loc_999>",
        },
    }
    answer = client.call("POST", "predictions", json=body)
    assert answer.status_code == 201, answer.text
    [[given]] = sql(database, "SELECT input FROM jobs WHERE id = :id", id=answer.json()["id"])
    assert given["tasks"] == ["<REGION_TO_CATEGORY>"]
    assert given["region"] == pytest.approx([0.04, 0.03, 39.96, 59.97])
    assert given["artifacts"] == ["overlay"]
    assert answer.json()["input"]["image"].endswith("…")


def test_transparency_is_the_mask_of_a_variant_that_needs_one(
    client: Client, database: Database
) -> None:
    clear = Image.new("RGBA", (80, 64), "navy")
    clear.putalpha(0)
    for shown, status in ((encoded(clear), 201), (picture((80, 64)), 422)):
        body = {"input": {"prompt": "x", "image": data_uri(shown)}}
        answer = client.call(
            "POST", "models/black-forest-labs/flux-fill-dev/predictions", json=body
        )
        assert answer.status_code == status, answer.text
    assert answer.json()["invalid_fields"][0]["field"] == "input.mask"
    [[given]] = sql(database, "SELECT input FROM jobs")
    assert given["mask"] != given["image"]
