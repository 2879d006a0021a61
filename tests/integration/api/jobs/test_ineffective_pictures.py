"""Masks and maps that can change nothing, by every way in which a picture is named."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from PIL import Image, ImageDraw

from db.core.session import Database
from db.tenants import api_keys
from tests.support.apis import MakeApi
from tests.support.pictures import encoded

SIZE = (256, 128)
SCENE = encoded(Image.new("RGB", SIZE, "navy"))


@pytest.fixture
def client(make_api: MakeApi, database: Database, tenant_id: str) -> Iterator[TestClient]:
    with database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=tenant_id, name="test")
    with TestClient(make_api(), headers={"Authorization": f"Bearer {key}"}) as opened:
        yield opened


def uri(_client: TestClient, data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def uploaded(client: TestClient, data: bytes) -> str:
    name: str = client.post("/v1/files", files={"file": ("a", data)}).json()["id"]
    return name


WAYS: tuple[Callable[[TestClient, bytes], str], ...] = (uri, uploaded)


def mask(level: Any, *box: int, mode: str = "L", ground: Any = 0) -> bytes:
    picture = Image.new(mode, SIZE, ground)
    ImageDraw.Draw(picture).rectangle(box or (0, 0, *SIZE), fill=level)
    return encoded(picture)


def mostly_fine_mask() -> bytes:
    """A long stroke of three pixels between the places that are read, and a small square."""
    picture = Image.new("L", SIZE)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 2, 255, 4), fill=255)
    draw.rectangle((30, 30, 40, 40), fill=255)
    return encoded(picture)


def submit(client: TestClient, query: str = "", model: str = "flux.1-demo", **given: Any) -> Any:
    body = {"model": model, "input": {"prompt": "a star", **given}}
    return client.post(f"/v1/jobs{query}", json=body)


def refusal(answer: httpx.Response) -> str:
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert error["loc"] == ["body", "input", "mask"]
    assert error["type"] == "mask_selects_nothing"
    message: str = error["msg"]
    return message


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("query", ["", "?dry_run=true"])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (mask(100), "nothing in the mask is white: its brightest level is 100 of 255"),
        (mask(255, 9, 9, 9, 9), "the white of the mask is too small"),
    ],
)
def test_a_mask_that_selects_nothing_is_refused_however_it_is_named(
    client: TestClient,
    name: Callable[[TestClient, bytes], str],
    query: str,
    data: bytes,
    reason: str,
) -> None:
    named = {"image": uri(client, SCENE), "mask": name(client, data)}
    assert reason in refusal(submit(client, query, **named))
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_white_that_the_fit_cuts_off_selects_nothing(client: TestClient) -> None:
    edge = uri(client, mask(255, 0, 0, 40, 127))
    named = {"image": uri(client, SCENE), "mask": edge, "width": 128, "height": 128}
    assert "fit crop cuts off" in refusal(submit(client, **named))
    assert submit(client, **named, fit="pad").status_code == 202
    assert submit(client, **named, fit="stretch").status_code == 202


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (mask(255, 32, 32, 96, 96), set()),
        (mask(128, 32, 32, 96, 96), set()),
        (mask(255), {"mask_is_white"}),
        (mostly_fine_mask(), {"mask_too_fine"}),
        (mask((0, 0, 0, 0), 9, 9, 60, 60, mode="RGBA", ground=(200, 180, 90, 255)),
         {"mask_is_coloured"}),
    ],
)  # fmt: skip
def test_a_mask_that_selects_other_than_it_seems_is_told(
    client: TestClient, data: bytes, codes: set[str]
) -> None:
    named = {"image": uri(client, SCENE), "mask": uri(client, data)}
    quote = submit(client, "?dry_run=true", **named).json()
    job = submit(client, **named)
    assert job.status_code == 202, job.text
    assert {each["code"] for each in job.json()["warnings"]} == codes
    assert {each["parameter"] for each in job.json()["warnings"]} <= {"mask"}
    assert quote["warnings"] == job.json()["warnings"]


@pytest.mark.parametrize(("colour", "is_told"), [("black", True), ("gray", True), (None, False)])
def test_a_control_map_of_one_colour_is_told(
    client: TestClient,
    colour: str | None,
    is_told: bool,  # noqa: FBT001
) -> None:
    drawn = encoded(Image.new("RGB", SIZE, colour)) if colour else mask(255, 9, 9, 90, 90)
    named = {"control_image": uri(client, drawn)}
    quote = submit(client, "?dry_run=true", "flux.1-canny-dev", **named).json()
    codes = [(each["code"], each["parameter"]) for each in quote["warnings"]]
    assert codes == ([("no_effect", "control_image")] if is_told else [])


def test_a_picture_that_is_cropped_unasked_is_told_and_one_by_choice_is_not(
    client: TestClient,
) -> None:
    named = {"image": uri(client, SCENE), "width": 128, "height": 128}
    [told] = submit(client, **named).json()["warnings"]
    assert told == {
        "code": "picture_cropped",
        "parameter": "image",
        "message": "image: its 256 x 128 pixels are cropped to the shape of 128 x 128",
    }
    assert submit(client, **named, fit="crop").json()["warnings"] == []


def test_a_compatible_api_refuses_such_a_mask_by_its_own_name(client: TestClient) -> None:
    body = {
        "prompt": "a star",
        "image_url": uri(client, SCENE),
        "mask_url": uri(client, mask(1, 9, 9, 90, 90)),
    }
    answer = client.post("/fal/queue/bottega/flux.1-demo/inpainting", json=body)
    assert answer.status_code == 422
    [error] = answer.json()["detail"]
    assert error["loc"] == ["body", "mask_url"]
    assert "values 0 and 1: multiply by 255" in error["msg"]


def test_a_lora_given_twice_is_refused(client: TestClient) -> None:
    twice = [{"source": "a"}, {"source": "a", "scale": 0.5}]
    answer = submit(client, "?dry_run=true", loras=twice)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["loc"], error["type"]) == (["body", "input", "loras", 1], "repeated_lora")
