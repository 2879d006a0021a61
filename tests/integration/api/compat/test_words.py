"""Refusals in each API's own words, by each of its own fields."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from db.core.session import Database
from db.tenants import api_keys
from tests.support.apis import MakeApi
from tests.support.pictures import encoded
from tests.support.surfaces import Door, by_name

PICTURE = f"data:image/png;base64,{b64encode(encoded(Image.new('RGB', (64, 64), 'navy'))).decode()}"


@pytest.fixture
def client(make_api: MakeApi, database: Database, tenant_id: str) -> Iterator[TestClient]:
    """A client with a key."""
    with database.transaction() as session:
        key = api_keys.create(session, tenant_id=tenant_id, name="")[1]
    with TestClient(make_api(), base_url="http://bottega.test") as opened:
        opened.headers["x-api-key"] = key
        yield opened


@pytest.mark.parametrize(**by_name())
def test_a_missing_key_is_asked_for_in_the_header_of_the_api(
    client: TestClient, door: Door
) -> None:
    del client.headers["x-api-key"]
    headers = {"bfl": "x-key: <key>", "fal": "Authorization: Key <key>"}
    answer = client.post(door.submit, json=door.body({"prompt": "a star"}))
    assert f"`{headers.get(door.name, 'Authorization: Bearer <key>')}`" in answer.text


def _references(count: int) -> dict[str, Any]:
    names = ["input_image", *(f"input_image_{n}" for n in range(2, count + 1))]
    return dict.fromkeys(names, PICTURE)


def test_the_first_picture_too_many_is_named(client: TestClient) -> None:
    words = "flux.2-demo takes 4 pictures, not 6"
    prompt = {"prompt": "a star"}
    answer = client.post("/bfl/v1/flux.2-demo", json={**prompt, **_references(6)})
    assert answer.status_code == 422
    assert answer.json()["message"] == f"input_image_5: {words}"
    native = {"model": "flux.2-demo", "input": {**prompt, "images": [PICTURE] * 6}}
    answer = client.post("/v1/jobs", json=native)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"loc": ["body", "input", "images", 4], "msg": words, "type": "too_long"}
    ]


def test_a_broken_picture_is_named(client: TestClient) -> None:
    broken = "data:image/png;base64,aGVsbG8="
    body = {"prompt": "a star", "image": PICTURE, "mask": broken}
    message = client.post("/bfl/v1/flux.1-demo", json=body).json()["message"]
    assert message.startswith("mask: ")
    body = {"model": "flux.2-demo", "prompt": "a star", "images": [PICTURE, broken]}
    error = client.post("/openai/v1/images/edits", json=body).json()["error"]
    assert error["message"].startswith("images: picture 2: ")


def test_one_size_that_is_refused_twice_is_told_with_both_sides(client: TestClient) -> None:
    body = {"model": "flux.1-demo", "prompt": "a star", "size": "9999x9998"}
    message = client.post("/openai/v1/images/generations", json=body).json()["error"]["message"]
    first, second = message.split("; ")
    assert first.startswith("size: width should be ")
    assert second.startswith("size: height should be ")


def test_a_version_that_is_unknown_is_repeated(client: TestClient) -> None:
    body = {"version": "f" * 64, "input": {"prompt": "a star"}}
    answer = client.post("/replicate/v1/predictions", json=body)
    assert answer.status_code == 422
    assert "f" * 64 in answer.json()["detail"]


def test_commas_are_advised_upon_in_words_that_a_text_can_follow(client: TestClient) -> None:
    path = "/fal/queue/bottega/florence-2-demo/open-vocabulary-detection"
    body = {"image_url": PICTURE, "text_input": "circle, star"}
    assert "circle <and> star" in client.post(path, json=body).json()["message"]
    assert client.post(path, json={**body, "text_input": "circle <and> star"}).status_code == 200


def test_realtime_is_refused_as_what_it_is(client: TestClient) -> None:
    answer = client.post("/fal/rest/tokens/", json={"allowed_apps": ["flux"]})
    assert answer.status_code == 404
    assert "realtime" in answer.json()["detail"]


def test_a_slash_at_the_end_of_a_model_s_url_changes_nothing(client: TestClient) -> None:
    answers = [
        client.post(f"/hf/models/x/sdxl{end}", json={"inputs": "a star"}) for end in ("", "/")
    ]
    assert [each.status_code for each in answers] == [404, 404]
    assert answers[0].text == answers[1].text
    assert "flux.1-demo" in answers[0].json()["error"]


def test_an_adjusted_size_is_a_warning_and_nothing_ignored(client: TestClient) -> None:
    body = {"prompt": "a star", "width": 100, "height": 100, "output_format": "jpg"}
    answer = client.post("/bfl/v1/flux.1-demo", json=body)
    assert answer.status_code == 200
    assert "bottega-ignored" not in answer.headers
    job = client.get(f"/v1/jobs/{answer.json()['id']}").json()
    assert [(each["code"], each["parameter"]) for each in job["warnings"]] == [
        ("parameter_adjusted", "width"),
        ("parameter_adjusted", "height"),
    ]
