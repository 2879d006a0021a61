"""Requests that stay open: clients that leave, that ask again, and streams."""

import base64
import io
import json

import httpx
import pytest
from PIL import Image
from prometheus_client import REGISTRY

from api.compat.shared import waiting
from db.jobs.finish import expire_job
from tests.integration.api.compat.openai.conftest import Json, Site, in_background
from tests.support.adapters import Gate, raising
from tests.support.painting import paint_all, with_previews
from tests.support.station import FLUX
from tests.support.waiting import await_true
from workers.adapters.protocol import InvalidLoraError

CALL = "/openai/v1/images/generations"
SENT: Json = {"model": FLUX, "prompt": "a red circle"}


@pytest.fixture(autouse=True)
def _short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "GRACE_SECONDS", 0.3)


def events_of(response: httpx.Response) -> list[tuple[str | None, Json]]:
    """Name and data of each event of a whole stream."""
    found = []
    for block in response.text.split("\n\n"):
        lines = dict(
            line.split(": ", 1) for line in block.splitlines() if line[:1] not in ("", ":")
        )
        if "data" in lines:
            data = {} if lines["data"] == "[DONE]" else json.loads(lines["data"])
            found.append((lines.get("event"), data))
    return found


def test_a_client_that_leaves_cancels_its_jobs(site: Site) -> None:
    with pytest.raises(httpx.ReadTimeout):
        site.http.post(CALL, json={**SENT, "n": 6}, timeout=0.5)
    assert await_true(lambda: site.rows() == [("canceled",), ("canceled",)])


def test_a_client_that_leaves_a_stream_cancels_its_jobs(site: Site) -> None:
    sent = {**SENT, "n": 6, "stream": True}
    with site.http.stream("POST", CALL, json=sent) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
    assert await_true(lambda: site.rows() == [("canceled",), ("canceled",)])


def test_a_retry_rejoins_the_job_of_the_first_try(site: Site) -> None:
    gate = Gate()
    with site.working(gate):
        site.headers = {"x-stainless-retry-count": "0"}
        with pytest.raises(httpx.ReadTimeout):
            site.http.post(CALL, json=SENT, timeout=0.2, headers=site.headers)
        headers = {"x-stainless-retry-count": "1"}
        thread, got = in_background(lambda: site.http.post(CALL, json=SENT, headers=headers))
        assert await_true(lambda: site.rows("sync_clients") == [(2,)])
        assert await_true(lambda: site.rows("sync_clients") == [(1,)])
        gate.opened.set()
        thread.join()
    [answer] = got
    assert answer.status_code == 200
    assert answer.headers["idempotency-replayed"] == "true"
    assert site.rows() == [("succeeded",)]
    assert site.units() == 1


def test_equal_requests_that_are_no_retries_are_jobs_of_their_own(site: Site) -> None:
    headers = {"x-stainless-retry-count": "0"}
    calls = [
        in_background(lambda: site.http.post(CALL, json=SENT, headers=headers)) for _ in range(3)
    ]
    assert await_true(lambda: len(site.rows()) == 3)
    with site.working():
        for thread, _ in calls:
            thread.join()
    assert [got[0].status_code for _, got in calls] == [200] * 3


def test_a_retry_of_several_jobs_rejoins_them_though_their_seed_was_drawn(site: Site) -> None:
    with pytest.raises(httpx.ReadTimeout):
        # Long enough for both jobs: one who leaves between the two has submitted one alone.
        site.http.post(CALL, json={**SENT, "n": 6}, timeout=2.0)
    assert await_true(lambda: len(site.rows()) == 2)
    with site.working(paint_all, paint_all):
        answer = site.generate(n=6)
    seeds = [each["seed"] for each in answer.json()["data"]]
    assert seeds == [*range(seeds[0], seeds[0] + 6)]
    assert len(site.rows()) == 2


def test_a_canceled_job_answers_its_request(site: Site) -> None:
    thread, got = in_background(site.generate)
    assert await_true(lambda: site.rows() == [("queued",)])
    [[job_id]] = site.rows("id")
    site.http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
    thread.join()
    assert site.error(got[0], 500)["code"] == "canceled"
    assert got[0].headers["x-should-retry"] == "false"


def test_an_expired_job_answers_its_request(site: Site) -> None:
    thread, got = in_background(site.generate)
    assert await_true(lambda: site.rows() == [("queued",)])
    site.change("jobs", "expires_at = now()")
    with site.database.transaction() as session:
        [[job_id]] = site.rows("id")
        assert expire_job(session, job_id) is not None
    thread.join()
    assert site.error(got[0], 504)["code"] == "expired"
    assert got[0].headers["x-should-retry"] == "false"


@pytest.mark.parametrize(("most", "steps"), [(1, 4), (2, 12), (3, 2)])
def test_a_stream_has_partial_pictures_and_then_the_finished_ones(
    site: Site, most: int, steps: int
) -> None:
    with site.working(with_previews(steps), paint_all):
        answer = site.generate(stream=True, partial_images=most, n=2, seed=7)
        plain = site.generate(n=2, seed=7).json()
    events = events_of(answer)
    for name, data in events:
        assert name == data["type"]
        assert {"b64_json", "created_at", "size", "quality", "background"} <= data.keys()
    partial = [data for name, data in events if name == "image_generation.partial_image"]
    finished = [data for name, data in events if name == "image_generation.completed"]
    assert len(events) == len(partial) + len(finished)
    assert len(partial) == min(most, steps - 1)
    for each in events:
        picture = Image.open(io.BytesIO(base64.b64decode(each[1]["b64_json"])))
        assert each[1]["size"] == f"{picture.width}x{picture.height}"
    assert [each["partial_image_index"] for each in partial] == [*range(len(partial))]
    assert [each["b64_json"] for each in finished] == [each["b64_json"] for each in plain["data"]]
    assert [each["seed"] for each in finished] == [7, 8]
    assert all(each["usage"]["total_tokens"] for each in finished)


def test_a_stream_without_partial_pictures_has_the_finished_one(site: Site) -> None:
    with site.working(with_previews(4)):
        events = events_of(site.generate(stream=True))
    assert [name for name, _ in events] == ["image_generation.completed"]


def test_a_stream_of_several_jobs_has_all_their_pictures(site: Site) -> None:
    with site.working(paint_all, paint_all):
        events = events_of(site.generate(stream=True, partial_images=1, n=6, seed=1))
    seeds = [data["seed"] for name, data in events if name == "image_generation.completed"]
    assert seeds == [1, 2, 3, 4, 5, 6]


def test_a_stream_ends_with_the_error_of_a_failed_job(site: Site) -> None:
    with site.working(raising(InvalidLoraError("it is broken"))):
        [(name, data)] = events_of(site.generate(stream=True))
    assert (name, data["error"]["code"]) == (None, "invalid_lora")


def test_a_request_that_is_refused_is_no_stream(site: Site) -> None:
    assert site.error(site.generate(stream=True, n=11), 400)["param"] == "n"


def test_a_stream_that_is_asked_for_again_has_the_same_picture(site: Site) -> None:
    site.headers["Idempotency-Key"] = "k"
    with site.working(with_previews(4)):
        first = events_of(site.generate(stream=True, partial_images=1))
        again = events_of(site.generate(stream=True, partial_images=1))
    assert again[-1] == first[-1]
    assert [name for name, _ in again] == [name for name, _ in first]


def test_a_stream_of_a_failed_job_that_is_asked_for_again_is_an_error(site: Site) -> None:
    site.headers["Idempotency-Key"] = "k"
    with site.working(raising(InvalidLoraError("it is broken"))):
        site.generate(stream=True)
        answer = site.generate(stream=True)
    assert site.error(answer, 500)["code"] == "invalid_lora"


@pytest.mark.parametrize("end", ["revoked_at", "expires_at"])
def test_a_key_that_ends_ends_a_stream_with_an_error(site: Site, end: str) -> None:
    thread, got = in_background(lambda: site.generate(stream=True))
    assert await_true(lambda: site.rows() == [("queued",)])
    site.change("api_keys", f"{end} = now()")
    thread.join()
    [(_, data)] = events_of(got[0])
    assert data["error"]["code"] == "invalid_api_key"
    assert await_true(lambda: site.rows() == [("canceled",)])


def test_a_failed_job_is_no_fault_of_the_process(site: Site) -> None:
    def counted(status: str) -> float:
        labels = {"method": "POST", "route": CALL, "status": status}
        return REGISTRY.get_sample_value("bottega_http_request_seconds_count", labels) or 0

    before = [counted("5xx"), counted("4xx")]
    with site.working(raising(InvalidLoraError("it is broken"))):
        site.error(site.generate(), 500)
    site.error(site.generate(n=11), 400)
    assert await_true(lambda: [counted("5xx"), counted("4xx")] == [before[0], before[1] + 1])


def test_nothing_is_left_open(site: Site) -> None:
    with site.working(paint_all):
        site.generate(stream=True)
        site.generate()
    services = site.app.state.services
    assert await_true(lambda: not services.waiter_limits._open)
    assert services.hub.waiters == []
