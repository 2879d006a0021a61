"""fal's synchronous calls: the output at once, pictures in the making, and clients that leave."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.compat.shared import waiting
from db.core.session import Database
from db.values.job_state import JobState
from tests.support import jobs
from tests.support.adapters import Gate
from tests.support.apis import MakeApi
from tests.support.station import Station
from tests.support.waiting import await_true
from workers.messaging.events import Publisher

APP = "bottega/flux.1-demo"
Json = dict[str, Any]


@contextmanager
def working(station: Station, *script: Any) -> Iterator[None]:
    """A worker that runs one batch as soon as there is one."""
    thread = threading.Thread(
        target=lambda: await_true(lambda: station.run_batch(*script) > 0), daemon=True
    )
    thread.start()
    yield
    thread.join(30)


def test_the_output_is_the_answer(client: TestClient, station: Station) -> None:
    with working(station):
        answer = client.post(f"/fal/run/{APP}", json={"prompt": "a red circle", "seed": 3})
    assert answer.status_code == 200, answer.text
    assert answer.json()["seed"] == 3
    assert answer.headers["x-fal-request-id"].startswith("job_")
    assert answer.json()["images"][0]["url"].endswith("/0.jpeg")


def test_a_refused_run(client: TestClient) -> None:
    answer = client.post(f"/fal/run/{APP}", json={"prompt": "x", "num_images": 9})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "num_images"])
    answer = client.post("/fal/run/fal-ai/nothing", json={"prompt": "x"})
    assert answer.status_code == 404


def test_a_run_that_takes_too_long_is_not_tried_again(
    make_api: MakeApi, key: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "GRACE_SECONDS", 0.0)
    headers = {"Authorization": f"Key {key}"}
    with TestClient(make_api(BOTTEGA_SYNC_SECONDS="0.2"), headers=headers) as client:
        answer = client.post(f"/fal/run/{APP}", json={"prompt": "x"})
        assert (answer.status_code, answer.json()["error_type"]) == (504, "request_timeout")
        assert answer.headers["X-Fal-Request-Timeout-Type"] == "user"
        job_id = answer.headers["x-fal-request-id"]
        assert await_true(lambda: jobs.state(database, job_id) == JobState.CANCELED)


def events_of(text: str) -> list[Any]:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


def test_a_stream_shows_pictures_in_the_making(
    client: TestClient, station: Station, publisher: Publisher, database: Database
) -> None:
    gate = Gate()

    def preview() -> None:
        assert gate.entered.wait(30)
        [(job_id,)] = jobs.sql(database, "SELECT id FROM jobs")
        shown = {"step": 1, "steps": 2, "image": "data:image/jpeg;base64,AAAA"}
        publisher.publish_preview(job_id, shown)
        gate.opened.set()

    helper = threading.Thread(target=preview, daemon=True)
    helper.start()
    with working(station, gate):
        answer = client.post(f"/fal/run/{APP}/stream", json={"prompt": "x", "seed": 4})
    helper.join(30)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-fal-request-id"].startswith("job_")
    *partial, last = events_of(answer.text)
    assert [each["images"][0]["url"] for each in partial] == ["data:image/jpeg;base64,AAAA"]
    assert (last["seed"], last["images"][0]["content_type"]) == (4, "image/jpeg")
    assert last["timings"]["inference"] >= 0
    [row] = jobs.sql(database, "SELECT input ->> 'previews' FROM jobs")
    assert row == ("true",)


def test_a_stream_of_a_refused_request_is_a_plain_error(client: TestClient) -> None:
    answer = client.post(f"/fal/run/{APP}/stream", json={"prompt": ""})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "prompt"]


def test_a_stream_ends_with_the_failure(client: TestClient, station: Station) -> None:
    def cancel() -> None:
        def found() -> list[Any]:
            return jobs.sql(station.database, "SELECT id FROM jobs")

        assert await_true(lambda: bool(found()))
        client.put(f"/fal/queue/{APP}/requests/{found()[0][0]}/cancel")

    threading.Thread(target=cancel, daemon=True).start()
    answer = client.post(f"/fal/run/{APP}/stream", json={"prompt": "x"})
    assert events_of(answer.text)[-1]["error_type"] == "client_cancelled"


@pytest.mark.parametrize("path", ["", "/stream"])
def test_a_client_that_leaves_cancels(
    make_api: MakeApi,
    key: str,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    monkeypatch.setattr(waiting, "GRACE_SECONDS", 0.0)
    app: FastAPI = make_api()

    async def leave() -> None:
        transport = httpx.ASGITransport(app=app)
        headers = {"Authorization": f"Key {key}"}
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://x", headers=headers) as client,
        ):
            url = f"/fal/run/{APP}{path}"
            call = asyncio.create_task(client.post(url, json={"prompt": "x"}))
            await asyncio.to_thread(await_true, lambda: jobs.counts(database, "jobs") == [1])
            hub = app.state.services.hub
            await asyncio.to_thread(await_true, lambda: len(hub.waiters) == 1)
            [waiter] = list(hub.waiters)
            waiter.close("disconnected")
            await asyncio.wait([call], timeout=30)
            await asyncio.to_thread(
                await_true, lambda: jobs.sql(database, "SELECT state FROM jobs") == [("canceled",)]
            )

    asyncio.run(leave())
    assert jobs.sql(database, "SELECT state FROM jobs") == [("canceled",)]
