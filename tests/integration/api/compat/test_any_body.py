"""Any body gets an answer that is no internal error, and each refusal has the form of its API."""

import base64
import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.core.session import Database
from db.tenants import api_keys
from tests.support import jobs
from tests.support.apis import MakeApi
from tests.support.document_calls import working
from tests.support.station import Station, picture
from tests.support.surfaces import DOORS, Door, by_name

EXAMPLES = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
LONG = settings(EXAMPLES, max_examples=int(os.environ.get("FUZZ_EXAMPLES", "500")))

BASE64 = base64.b64encode(picture((64, 64))).decode()

text = st.text(st.characters(codec=None), max_size=20)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(1, 4)
    | st.floats()
    | text
    | st.sampled_from(
        [
            *("<OD>", "caption", "1:1", "16:9", "64x64", "auto", "custom", "png", "jpeg", "webp"),
            *("match_input_image", "landscape_4_3", "square", "1", "0.25", "a red circle", "url"),
            *("file_" + "0" * 26, BASE64, BASE64[:40], f"data:image/png;base64,{BASE64}"),
            *("http://testserver/v1/artifacts/x.y.z/0.png", "http://127.0.0.1:1/x", "https://["),
            *("\x00", "\ud800", "1e999", "-0", "true", "b64_json", "regular", "a" * 6_000),
        ]
    )
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3)
)
names = st.sampled_from(
    [
        *("prompt", "n", "size", "quality", "response_format", "output_format", "user", "model"),
        *("output_compression", "background", "partial_images", "seed", "steps", "guidance"),
        *("strength", "loras", "priority", "expires_in_seconds", "metadata", "webhook", "images"),
        *("num_outputs", "aspect_ratio", "width", "height", "megapixels", "num_inference_steps"),
        *("output_quality", "image", "prompt_strength", "mask", "input_image", "lora_weights"),
        *("lora_scale", "go_fast", "image_size", "num_images", "guidance_scale", "sync_mode"),
        *("image_url", "mask_url", "image_urls", "enable_safety_checker", "raw", "resolution"),
        *("input_image_2", "image_prompt", "webhook_url", "webhook_secret", "interval"),
        *("safety_tolerance", "prompt_upsampling", "negative_prompt", "target_size", "text"),
        *("mask_image", "threshold", "task_input", "text_input", "region", "lora_url", "version"),
        *("webhook_completed", "webhook_events_filter", "stream", "messages", "inputs"),
    ]
)
fields = st.dictionaries(names | text, values, max_size=6)
bodies = st.one_of(
    fields,
    fields.map(lambda given: {"prompt": "a red circle", "image_url": BASE64, **given}),
    values,
)

MORE_CALLS = {
    "openai": ("/openai/v1/images/edits", "/openai/v1/chat/completions"),
    "replicate": (
        "/replicate/v1/predictions",
        "/replicate/v1/models/bottega/florence-2-demo/predictions",
    ),
    "fal": (
        "/fal/run/bottega/flux.1-demo",
        "/fal/queue/bottega/florence-2-demo/caption",
        "/fal/queue/bottega/flux.1-demo/inpainting",
        "/fal/rest/storage/upload/initiate",
    ),
    "bfl": ("/bfl/v1/image", "/v1/flux-dev", "/bfl/v1/flux.1-canny-dev"),
    "huggingface": (
        "/hf/models/florence-2-demo",
        "/hf/models/flux.1-demo/pipeline/image-to-image",
        "/hf/models/florence-2-demo/pipeline/object-detection",
    ),
}


HEADERS = (
    *("prefer", "accept", "user-agent", "x-fal-target-url", "x-fal-request-timeout"),
    *("x-fal-queue-priority", "cancel-after", "last-event-id", "range", "traceparent"),
)


@pytest.fixture
def client(make_api: MakeApi, database: Database, station: Station) -> Iterator[TestClient]:
    """A tenant's client of an API process whose jobs are run."""
    with database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=jobs.add_tenant(database), name="")
    app = make_api(BOTTEGA_SYNC_SECONDS="20")
    headers = {"x-key": key, "content-type": "application/json"}
    with working(station), TestClient(app, headers=headers) as opened:
        yield opened


def check(door: Door, answer: httpx.Response, sent: str) -> None:
    """Assert that an answer is a success, or a refusal in the form of its API."""
    assert answer.status_code < 500, (sent, answer.text)
    if answer.status_code >= 400:
        door.check_error(answer)


def wrapped(door: Door, body: Any) -> Any:
    """A body below the fields that the API demands, if it is an object."""
    if not isinstance(body, dict):
        return body
    if door.name == "replicate":
        return {"input": body, **{k: v for k, v in body.items() if k.startswith("webhook")}}
    if door.name == "huggingface":
        return {"inputs": body.get("inputs", body.get("prompt")), "parameters": body}
    return {"model": "flux.1-demo", **body} if door.name == "openai" else body


def send_everywhere(client: TestClient, door: Door, body: Any) -> None:
    for given_body in (wrapped(door, body), body):
        sent = json.dumps(given_body)
        for path in (door.submit, *MORE_CALLS[door.name]):
            check(door, client.post(path, content=sent), sent)


@pytest.mark.parametrize(**by_name())
@EXAMPLES
@given(data=st.data())
def test_any_json_is_taken_or_refused(client: TestClient, door: Door, data: st.DataObject) -> None:
    body = wrapped(door, data.draw(bodies))
    sent = json.dumps(body)
    path = data.draw(st.sampled_from((door.submit, *MORE_CALLS[door.name])))
    check(door, client.post(path, content=sent), sent)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(**by_name())
@LONG
@given(body=bodies)
def test_any_json_is_taken_or_refused_at_length(client: TestClient, door: Door, body: Any) -> None:
    send_everywhere(client, door, body)


ANY_CALL = {
    "path": st.text(st.characters(codec="utf-8"), max_size=30),
    "method": st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "QUERY"]),
    "header": st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40),
}
"""A path, a method, and the value of every header."""


def bases(door: Door) -> tuple[str, ...]:
    """The addresses below which paths are tried."""
    return (f"{door.prefix}/", f"{door.submit}/", f"{door.prefix}/v1/")


def call_at(client: TestClient, door: Door, url: str, method: str, header: str) -> None:
    """Call an address with the same value in every header that a surface reads."""
    headers = dict.fromkeys(HEADERS, header.strip().encode("latin-1"))
    answer = client.request(method, url, headers=headers)
    assert answer.status_code < 500, (method, url, answer.text)
    if answer.status_code >= 400 and method != "HEAD":
        door.check_error(answer)


@EXAMPLES
@given(data=st.data(), **ANY_CALL)
def test_any_path_and_header_is_answered(
    client: TestClient, data: st.DataObject, path: str, method: str, header: str
) -> None:
    for door in DOORS:
        base = data.draw(st.sampled_from(bases(door)))
        call_at(client, door, base + quote(path), method, header)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@LONG
@given(**ANY_CALL)
def test_any_path_and_header_is_answered_at_length(
    client: TestClient, path: str, method: str, header: str
) -> None:
    for door in DOORS:
        for base in bases(door):
            call_at(client, door, base + quote(path), method, header)
