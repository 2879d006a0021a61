"""All APIs are doors of one service: the same pixels, and one job with one bill through any."""

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.acceptance.stack import Client, Stack, eventually

Json = dict[str, Any]

MODEL = "flux.1-demo"
FLORENCE2 = "florence-2-demo"
PROMPT = "a blue square on a white background"
SEED = 2**53 + 11
"""Above the numbers that JavaScript reads exactly: given seeds are kept as they are."""

SIZE = 64
STEPS = 4

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture(scope="module")
def one(stack: Stack) -> Client:
    """One tenant, for all tests of the module."""
    return stack.tenant()


def pixels(data: bytes) -> bytes:
    """The pixels of a file, with their size."""
    with Image.open(io.BytesIO(data)) as picture:
        rgb = picture.convert("RGB")
    return np.asarray(rgb).tobytes() + repr(rgb.size).encode()


def post(one: Client, path: str, body: Json, **headers: str) -> httpx.Response:
    """Send JSON; fail unless it is accepted."""
    answer = one.http.post(path, json=body, headers=headers)
    assert answer.status_code < 300, (path, answer.text)
    return answer


def fetched(url: str) -> bytes:
    """The file at a URL of an answer, without a key."""
    if url.startswith("data:"):
        return base64.b64decode(url.partition(",")[2])
    return httpx.get(url).raise_for_status().content


def polled(one: Client, path: str, is_over: Callable[[Json], bool]) -> Json:
    """Poll until a condition holds."""

    def ask() -> Json | None:
        seen: Json = one.http.get(path).json()
        return seen if is_over(seen) else None

    found = eventually(ask, seconds=60)
    assert found is not None
    return found


def events(one: Client, path: str, body: Json) -> list[Json]:
    """The data of the events of a stream that a POST opens."""
    with one.http.stream("POST", path, json=body) as stream:
        assert stream.status_code == 200, stream.read()
        lines = [line for line in stream.iter_lines() if line.startswith("data:")]
    return [json.loads(line[5:]) for line in lines if "[DONE]" not in line]


GIVEN = {"prompt": PROMPT, "seed": SEED, "width": SIZE, "height": SIZE}


def by_native(one: Client) -> bytes:
    given = {**GIVEN, "steps": STEPS, "output_format": "png"}
    job = one.await_end(one.submit(MODEL, given))
    return fetched(job["output"]["images"][0]["url"])


def by_openai(one: Client, path: str = "/openai/v1/images/generations") -> bytes:
    body = {"model": MODEL, "prompt": PROMPT, "size": f"{SIZE}x{SIZE}"}
    answer = post(one, path, {**body, "seed": SEED, "steps": STEPS}).json()
    assert answer["data"][0]["seed"] == SEED
    data = base64.b64decode(answer["data"][0]["b64_json"])
    assert pixels(fetched(answer["data"][0]["url"])) == pixels(data)
    return data


def by_openai_at_the_root(one: Client) -> bytes:
    return by_openai(one, "/v1/images/generations")


def by_openai_stream(one: Client) -> bytes:
    body = {"model": f"bottega/{MODEL}", "prompt": PROMPT, "size": f"{SIZE}x{SIZE}"}
    more = {"seed": SEED, "steps": STEPS, "stream": True, "partial_images": 2}
    seen = events(one, "/openai/v1/images/generations", {**body, **more})
    assert seen[-1]["type"] == "image_generation.completed"
    assert any(each["type"].endswith("partial_image") for each in seen)
    return base64.b64decode(seen[-1]["b64_json"])


def by_replicate(one: Client) -> bytes:
    body = {"input": {**GIVEN, "num_inference_steps": STEPS, "output_format": "png"}}
    path = f"/replicate/v1/models/bottega/{MODEL}/predictions"
    prediction = post(one, path, body, Prefer="wait=30").json()
    ended = polled(
        one, f"/replicate/v1/predictions/{prediction['id']}", lambda p: p["status"] == "succeeded"
    )
    return fetched(ended["output"][0])


FAL = {
    "prompt": PROMPT,
    "seed": SEED,
    "image_size": {"width": SIZE, "height": SIZE},
    "num_inference_steps": STEPS,
    "output_format": "png",
}


def by_fal_queue(one: Client) -> bytes:
    submitted = post(one, f"/fal/queue/bottega/{MODEL}", FAL).json()
    polled(one, submitted["status_url"], lambda status: status["status"] == "COMPLETED")
    output = one.http.get(submitted["response_url"]).raise_for_status().json()
    assert output["seed"] == SEED
    return fetched(output["images"][0]["url"])


def by_fal_run(one: Client) -> bytes:
    output = post(one, f"/fal/run/bottega/{MODEL}", {**FAL, "sync_mode": True}).json()
    assert output["images"][0]["url"].startswith("data:")
    return fetched(output["images"][0]["url"])


def by_fal_stream(one: Client) -> bytes:
    return fetched(events(one, f"/fal/run/bottega/{MODEL}/stream", FAL)[-1]["images"][0]["url"])


def by_fal_proxy(one: Client) -> bytes:
    target = f"https://fal.run/bottega/{MODEL}"
    output = post(one, "/fal/proxy", FAL, **{"x-fal-target-url": target}).json()
    return fetched(output["images"][0]["url"])


def by_bfl(one: Client, base: str = "/bfl/v1") -> bytes:
    task = post(one, f"{base}/{MODEL}", {**GIVEN, "steps": STEPS, "output_format": "png"}).json()
    ready = polled(one, task["polling_url"], lambda each: each["status"] == "Ready")
    assert ready["result"]["seed"] == SEED
    return fetched(ready["result"]["sample"])


def by_bfl_at_the_root(one: Client) -> bytes:
    return by_bfl(one, "/v1")


def by_comfy(one: Client) -> bytes:
    path = f"/proxy/bfl/{MODEL}/generate"
    task = post(one, path, {**GIVEN, "steps": STEPS, "output_format": "png"}).json()
    ready = polled(one, task["polling_url"], lambda each: each["status"] == "Ready")
    return fetched(ready["result"]["sample"])


def by_huggingface(one: Client) -> bytes:
    parameters = {"seed": SEED, "width": SIZE, "height": SIZE, "num_inference_steps": STEPS}
    body = {"inputs": PROMPT, "parameters": parameters}
    answer = post(one, f"/hf/models/{MODEL}", body, Accept="image/png")
    assert answer.headers["content-type"] == "image/png"
    return answer.content


WAYS = (
    by_openai,
    by_openai_at_the_root,
    by_openai_stream,
    by_replicate,
    by_fal_queue,
    by_fal_run,
    by_fal_stream,
    by_fal_proxy,
    by_bfl,
    by_bfl_at_the_root,
    by_comfy,
    by_huggingface,
)


@pytest.fixture(scope="module")
def reference(one: Client) -> bytes:
    """The pixels by the service's own API."""
    return pixels(by_native(one))


@pytest.mark.parametrize("way", WAYS)
def test_the_same_seed_and_input_give_the_same_pixels(
    one: Client, reference: bytes, way: Callable[[Client], bytes]
) -> None:
    assert pixels(way(one)) == reference


def test_florence_sees_the_same_through_every_api(one: Client, reference: bytes) -> None:
    del reference
    painted = by_native(one)
    uri = f"data:image/png;base64,{base64.b64encode(painted).decode()}"
    native = one.await_end(one.look(uri, task="<OD>"))["output"]["results"][0]["result"]["<OD>"]
    caption = one.await_end(one.look(uri, task="<CAPTION>"))["output"]["results"][0]["result"][
        "<CAPTION>"
    ]

    messages = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "<OD>"},
                {"type": "image_url", "image_url": {"url": uri}},
            ],
        }
    ]
    chat = post(
        one, "/openai/v1/chat/completions", {"model": FLORENCE2, "messages": messages}
    ).json()
    assert json.loads(chat["choices"][0]["message"]["content"]) == {"<OD>": native}

    prediction = post(
        one,
        f"/replicate/v1/models/bottega/{FLORENCE2}/predictions",
        {"input": {"image": uri, "task_input": "Caption"}},
    ).json()
    ended = polled(
        one, f"/replicate/v1/predictions/{prediction['id']}", lambda p: p["status"] == "succeeded"
    )
    assert caption in ended["output"]["text"]

    boxes = post(one, f"/fal/run/bottega/{FLORENCE2}/object-detection", {"image_url": uri}).json()
    found = [
        ([box["x"], box["y"], box["x"] + box["w"], box["y"] + box["h"]], box["label"])
        for box in boxes["results"]["bboxes"]
    ]
    expected = [*zip(native["bboxes"], native["labels"], strict=True)]
    assert [label for _, label in found] == [label for _, label in expected]
    for (one_box, _), (other_box, _) in zip(found, expected, strict=True):
        assert one_box == pytest.approx(other_box, abs=0.01)

    captioned = one.http.post(
        f"/hf/models/{FLORENCE2}", content=painted, headers={"Content-Type": "image/png"}
    )
    assert captioned.raise_for_status().json() == [{"generated_text": caption}]


def status_by_replicate(one: Client, job_id: str) -> str:
    answer = one.http.get(f"/replicate/v1/predictions/{job_id}").raise_for_status().json()
    assert answer["id"] == job_id
    return str(answer["status"])


def status_by_fal(one: Client, job_id: str) -> str:
    path = f"/fal/queue/bottega/{MODEL}/requests/{job_id}/status"
    answer = one.http.get(path).raise_for_status().json()
    assert answer["request_id"] == job_id
    return str(answer["status"])


def status_by_bfl(one: Client, job_id: str) -> str:
    answer = one.http.get("/bfl/v1/get_result", params={"id": job_id}).raise_for_status().json()
    assert answer["id"] == job_id
    return str(answer["status"])


def status_by_native(one: Client, job_id: str) -> str:
    return str(one.job(job_id)["state"])


FOLLOWED = {
    "native": (status_by_native, {"queued", "running"}, "succeeded", "canceled"),
    "replicate": (status_by_replicate, {"starting", "processing"}, "succeeded", "canceled"),
    "fal": (status_by_fal, {"IN_QUEUE", "IN_PROGRESS"}, "COMPLETED", "COMPLETED"),
    "bfl": (status_by_bfl, {"Pending"}, "Ready", "Error"),
}
"""For each API: its status of a job, those of an unfinished one, of a success and a cancellation"""

SUBMISSIONS = {
    "native": lambda one: one.paint(seed=1)["id"],
    "replicate": lambda one: post(
        one, f"/replicate/v1/models/bottega/{MODEL}/predictions", {"input": {"prompt": "r"}}
    ).json()["id"],
    "fal": lambda one: post(one, f"/fal/queue/bottega/{MODEL}", {"prompt": "f"}).json()[
        "request_id"
    ],
    "bfl": lambda one: post(one, f"/bfl/v1/{MODEL}", {"prompt": "b"}).json()["id"],
}

CANCELLATIONS = {
    "native": lambda one, job_id: one.http.post(f"/v1/jobs/{job_id}/cancel"),
    "replicate": lambda one, job_id: one.http.post(f"/replicate/v1/predictions/{job_id}/cancel"),
    "fal": lambda one, job_id: one.http.put(f"/fal/queue/bottega/{MODEL}/requests/{job_id}/cancel"),
}


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads of four clients."""
    with ThreadPoolExecutor(len(FOLLOWED)) as opened:
        yield opened


@pytest.mark.parametrize("door", SUBMISSIONS)
def test_one_job_is_followed_through_four_apis_at_once_and_billed_once(
    stack: Stack, pool: ThreadPoolExecutor, door: str
) -> None:
    one = stack.tenant()
    waiting = threading.Barrier(len(FOLLOWED) + 1)

    def follow(name: str) -> list[str]:
        status, unfinished, succeeded, _ = FOLLOWED[name]
        mine = Client(stack.client(one.http.headers["authorization"].split()[1]).http)
        seen = [status(mine, job_id)]
        assert set(seen) <= unfinished
        waiting.wait(30)
        eventually(lambda: seen.append(status(mine, job_id)) or seen[-1] not in unfinished)
        assert seen[-1] == succeeded
        return seen

    with stack.paused(MODEL):
        job_id = SUBMISSIONS[door](one)
        following = [pool.submit(follow, name) for name in FOLLOWED]
        waiting.wait(30)
    for each in following:
        each.result(90)
    native = one.job(job_id)
    assert native["surface"] == door
    # The picture is the same file everywhere.
    prediction = one.http.get(f"/replicate/v1/predictions/{job_id}").json()
    output = one.http.get(f"/fal/queue/bottega/{MODEL}/requests/{job_id}").json()
    task = one.http.get("/bfl/v1/get_result", params={"id": job_id}).json()
    urls = [
        native["output"]["images"][0]["url"],
        prediction["output"][0] if isinstance(prediction["output"], list) else prediction["output"],
        output["images"][0]["url"],
        task["result"]["sample"],
    ]
    assert len({fetched(url) for url in urls}) == 1
    usage = one.http.get("/v1/usage").raise_for_status().json()
    assert [event["job_id"] for event in usage["events"]] == [job_id]
    assert one.account()["allowances"]["images"]["used"] == 1


@pytest.mark.parametrize("canceled_by", CANCELLATIONS)
@pytest.mark.parametrize("door", SUBMISSIONS)
def test_a_job_is_canceled_through_any_api_and_seen_so_in_all(
    stack: Stack, door: str, canceled_by: str
) -> None:
    one = stack.tenant()
    with stack.paused(MODEL):
        job_id = SUBMISSIONS[door](one)
        assert CANCELLATIONS[canceled_by](one, job_id).status_code < 300
        for status, _, _, canceled in FOLLOWED.values():
            assert status(one, job_id) == canceled
    assert one.account()["allowances"]["images"]["used"] == 0


@pytest.mark.parametrize("door", SUBMISSIONS)
def test_a_job_of_another_tenant_is_found_by_no_api(stack: Stack, door: str) -> None:
    one, other = stack.tenant(), stack.tenant()
    with stack.paused(MODEL):
        job_id = SUBMISSIONS[door](one)
        refused = [
            other.http.get(f"/v1/jobs/{job_id}"),
            other.http.get(f"/replicate/v1/predictions/{job_id}"),
            other.http.post(f"/replicate/v1/predictions/{job_id}/cancel"),
            other.http.get(f"/fal/queue/bottega/{MODEL}/requests/{job_id}"),
            other.http.get(f"/fal/queue/bottega/{MODEL}/requests/{job_id}/status"),
            other.http.get(f"/fal/queue/bottega/{MODEL}/requests/{job_id}/status/stream"),
            other.http.put(f"/fal/queue/bottega/{MODEL}/requests/{job_id}/cancel"),
            other.http.get("/bfl/v1/get_result", params={"id": job_id}),
        ]
        assert [each.status_code for each in refused] == [404] * len(refused)
        listed = other.http.get("/replicate/v1/predictions").raise_for_status().json()
        assert listed["results"] == []
        one.cancel({"id": job_id})
