"""The main job: a prompt becomes a picture, and a picture is described."""

import base64
import hashlib
import io
import math
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.acceptance.stack import Client, Json, Stack
from workers.training.flux.adherence import check_prompt

pytestmark = pytest.mark.usefixtures("books")

PROMPT = "a red circle on a white background"


@pytest.fixture(scope="module")
def painter(stack: Stack) -> Client:
    return stack.tenant()


@pytest.fixture(scope="module")
def painted(painter: Client) -> Json:
    return painter.await_end(painter.paint(PROMPT, seed=7))


@pytest.fixture(scope="module")
def picture(stack: Stack, painted: Json) -> bytes:
    """The stored bytes, fetched without a key."""
    url = painted["output"]["images"][0]["url"]
    assert url.startswith(stack.url)
    return httpx.get(url).raise_for_status().content


def found_in(job: Json, task: str) -> Any:
    return next(r["result"][task] for r in job["output"]["results"] if r["task"] == task)


def test_a_submission_is_answered_at_once_with_where_the_job_is(tenant: Client) -> None:
    body = {"model": "flux.1-demo", "input": {"prompt": PROMPT}, "metadata": {"order": "17"}}
    answer = tenant.http.post("/v1/jobs", json=body)
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == job["urls"]["self"]
    assert job["state"] in {"queued", "running"}
    assert job["metadata"] == {"order": "17"}
    assert job["output"] is None
    assert tenant.http.get(answer.headers["location"]).json()["id"] == job["id"]
    tenant.await_end(job)


def test_prefer_wait_answers_with_the_finished_job(tenant: Client) -> None:
    body = {"model": "flux.1-demo", "input": {"prompt": PROMPT}}
    answer = tenant.http.post("/v1/jobs", json=body, headers={"Prefer": "wait=60"})
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "wait=60"
    assert answer.json()["state"] == "succeeded"


def test_prefer_wait_answers_when_its_time_is_over(tenant: Client) -> None:
    body = {"model": "flux.1-demo", "input": {"prompt": PROMPT, "steps": 50, "num_images": 4}}
    answer = tenant.http.post("/v1/jobs", json=body, headers={"Prefer": "wait=1"})
    assert answer.status_code == 202
    assert answer.json()["state"] in {"queued", "running"}
    assert "retry-after" in answer.headers
    tenant.await_end(answer.json())


def test_the_picture_is_what_the_job_says_and_needs_no_key(painted: Json, picture: bytes) -> None:
    (image,) = painted["output"]["images"]
    assert hashlib.sha256(picture).hexdigest() == image["sha256"]
    assert len(picture) == image["bytes"]
    assert image["media_type"] == "image/png"
    assert image["seed"] == 7
    with Image.open(io.BytesIO(picture)) as opened:
        assert opened.format == "PNG"
        assert opened.size == (image["width"], image["height"]) == (256, 256)


def test_the_picture_shows_what_the_prompt_asks_for(picture: bytes) -> None:
    adherence = check_prompt(Image.open(io.BytesIO(picture)), PROMPT)
    assert adherence.right, adherence


def test_a_finished_job_tells_its_times_and_its_price(painted: Json) -> None:
    assert painted["state"] == "succeeded"
    assert painted["attempt"] == 1
    assert painted["error"] is None
    assert painted["waiting"] is None
    assert painted["progress"] == {"step": 4, "steps": 4, "fraction": 1.0}
    assert painted["price"] == {
        "amount_micros": 1000,
        "currency": "USD",
        "covered_by": "allowance",
    }
    timings = painted["timings"]
    assert timings.keys() == {"queued_seconds", "run_seconds", "store_seconds"}
    assert all(0 < seconds < 60 for seconds in timings.values()), timings
    assert painted["created_at"] < painted["started_at"] < painted["finished_at"]


def test_an_artifact_is_served_for_caches_but_not_for_guessers(painted: Json) -> None:
    (image,) = painted["output"]["images"]
    answer = httpx.get(image["url"])
    assert answer.headers["etag"] == f'"{image["sha256"]}"'
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    head, _, name = image["url"].rpartition("/")
    altered = head[:-1] + ("A" if head[-1] != "A" else "B")
    for url in (f"{altered}/{name}", f"{head}/1.png"):
        refused = httpx.get(url)
        assert refused.status_code == 404
        assert refused.headers["content-type"] == "application/problem+json"


def test_the_same_seed_paints_the_same_picture(painter: Client, painted: Json) -> None:
    again = painter.await_end(painter.paint(PROMPT, seed=7))
    assert again["output"]["images"][0]["sha256"] == painted["output"]["images"][0]["sha256"]


def test_several_pictures_have_their_own_seeds_formats_and_price(tenant: Client) -> None:
    job = tenant.await_end(
        tenant.paint(PROMPT, seed=2**64 - 1, num_images=2, output_format="webp", aspect_ratio="2:1")
    )
    images = job["output"]["images"]
    assert [image["seed"] for image in images] == [2**64 - 1, 0]
    assert {image["media_type"] for image in images} == {"image/webp"}
    assert images[0]["sha256"] != images[1]["sha256"]
    assert math.isclose(images[0]["width"] / images[0]["height"], 2, rel_tol=0.15)
    for image in images:
        with Image.open(io.BytesIO(httpx.get(image["url"]).content)) as opened:
            assert (opened.format, opened.size) == ("WEBP", (image["width"], image["height"]))
    assert job["price"]["amount_micros"] == 2000


def test_a_seed_is_drawn_and_told_where_none_was_given(tenant: Client) -> None:
    job = tenant.await_end(tenant.paint(PROMPT))
    (image,) = job["output"]["images"]
    again = tenant.await_end(tenant.paint(PROMPT, seed=image["seed"]))
    assert again["output"]["images"][0]["sha256"] == image["sha256"]


def test_florence_finds_in_a_painted_picture_what_flux_was_asked_for(
    painter: Client, painted: Json, picture: bytes
) -> None:
    url = painted["output"]["images"][0]["url"]
    tasks = ["<CAPTION>", "object_detection"]
    submitted = painter.submit("florence-2-demo", {"image": url, "tasks": tasks})
    seen = painter.await_end(submitted)
    assert seen["output"]["image"] == {"width": 256, "height": 256}
    assert [r["task"] for r in seen["output"]["results"]] == ["<CAPTION>", "<OD>"]
    for result in seen["output"]["results"]:
        scores = {"scores", "raw_scores", "calibrated"}
        assert result.keys() == {"task", "result", "finish_reason", "warnings"} | scores
        assert result["warnings"] == []
        assert result["finish_reason"] == "stop"
        assert all(0 <= score <= 1 for score in result["scores"])
    caption = found_in(seen, "<CAPTION>").lower()
    assert "red circle" in caption
    assert "white background" in caption
    objects = found_in(seen, "<OD>")
    assert objects["labels"] == ["circle"]
    painted_box = check_prompt(Image.open(io.BytesIO(picture)), PROMPT).boxes[0]
    assert painted_box is not None
    assert iou(objects["bboxes"][0], painted_box) > 0.7
    assert seen["price"] == {"amount_micros": 400, "currency": "USD", "covered_by": "allowance"}


def iou(one: Any, other: Any) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return float(shared / (sum(areas) - shared))


def test_florence_sees_the_same_however_the_picture_comes(
    painter: Client, painted: Json, picture: bytes
) -> None:
    uri = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    file = painter.http.post("/v1/files", files={"file": ("any.name", picture)}).json()
    url = painted["output"]["images"][0]["url"]
    seen = [painter.await_end(painter.look(image))["output"] for image in (url, uri, file["id"])]
    assert seen[0]["results"][0]["result"]["<OD>"]["labels"] == ["circle"]
    assert seen[0]["results"][0]["result"] == seen[1]["results"][0]["result"]
    assert seen[0]["results"][0]["result"] == seen[2]["results"][0]["result"]


def test_an_uploaded_picture_is_told_and_kept_once(tenant: Client, picture: bytes) -> None:
    first = tenant.http.post("/v1/files", files={"file": ("a.png", picture)})
    assert first.status_code == 201
    told = first.json()
    assert told["id"].startswith("file_")
    assert (told["media_type"], told["width"], told["height"]) == ("image/png", 256, 256)
    assert told["bytes"] == len(picture)
    assert told["sha256"] == hashlib.sha256(picture).hexdigest()
    again = tenant.http.post("/v1/files", files={"file": ("b.png", picture)})
    assert again.json() == told
