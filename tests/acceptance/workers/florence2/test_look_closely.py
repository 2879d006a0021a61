"""Regions, outlines and their renderings, over HTTP as any client sees them."""

import base64
import hashlib
import io
import json
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from tests.acceptance.api.web.problems import problem
from tests.acceptance.stack import Client, Json, Stack
from tests.support.florence2 import BOX, SIZE, overlap, red_circle

pytestmark = pytest.mark.usefixtures("books")

TASKS = [
    "object_detection",
    "referring_expression_segmentation",
    "region_to_segmentation",
    "region_to_category",
    "region_to_description",
    "region_to_ocr",
]
LYING = 8
"""The EXIF orientation of a camera held on its side: upright after a quarter turn."""


def data_uri(picture: Image.Image, **options: Any) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=95, **options)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def lying_down(picture: Image.Image) -> str:
    """The picture as a camera on its side stores it, with its EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = LYING
    return data_uri(picture.transpose(Image.Transpose.ROTATE_270), exif=exif)


@pytest.fixture(scope="module")
def looker(stack: Stack) -> Client:
    return stack.tenant()


@pytest.fixture(scope="module")
def seen(looker: Client) -> Json:
    """A job that requests everything for a picture that is stored on its side."""
    given = {
        "image": lying_down(red_circle()),
        "tasks": TASKS,
        "text": "a red circle",
        "region": list(BOX),
        "artifacts": ["masks", "overlay", "coco"],
    }
    job = looker.await_end(looker.submit("florence-2-demo", given))
    assert job["state"] == "succeeded", job
    return job


def artifacts(job: Json, kind: str) -> list[Json]:
    return [entry for entry in job["output"]["artifacts"] if entry["kind"] == kind]


def fetched(entry: Json) -> bytes:
    """Fetch an artifact's bytes; assert that they match the job's description."""
    answer = httpx.get(entry["url"]).raise_for_status()
    assert answer.headers["content-type"].partition(";")[0] == entry["media_type"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(answer.content) == entry["bytes"]
    assert hashlib.sha256(answer.content).hexdigest() == entry["sha256"]
    return answer.content


def opened(entry: Json) -> Image.Image:
    picture = Image.open(io.BytesIO(fetched(entry)))
    assert picture.size == (entry["width"], entry["height"])
    assert picture.format == "PNG"
    return picture


def test_regions_are_in_pixels_of_the_picture_as_people_see_it(seen: Json) -> None:
    assert seen["output"]["image"] == {"width": SIZE[0], "height": SIZE[1]}
    told = {entry["task"]: entry for entry in seen["output"]["results"]}
    assert len(told) == len(TASKS)
    assert told["<REGION_TO_CATEGORY>"]["text"] == "circle"
    assert told["<REGION_TO_CATEGORY>"]["result"]["<REGION_TO_CATEGORY>"].startswith("circle<loc_")
    assert "red circle" in told["<REGION_TO_DESCRIPTION>"]["text"]
    [[points]] = told["<REGION_TO_SEGMENTATION>"]["result"]["<REGION_TO_SEGMENTATION>"]["polygons"]
    assert overlap(around(points), BOX) > 0.7


def around(points: list[float]) -> list[float]:
    across, down = points[0::2], points[1::2]
    return [min(across), min(down), max(across), max(down)]


def test_a_job_is_priced_by_its_tasks_and_not_by_what_is_drawn(seen: Json) -> None:
    assert seen["price"]["amount_micros"] == 200 * len(TASKS)
    assert {entry["kind"] for entry in seen["output"]["artifacts"]} == {"mask", "overlay", "coco"}
    assert "images" not in seen["output"]


def test_each_outline_has_a_mask_of_the_pictures_size(seen: Json) -> None:
    masks = artifacts(seen, "mask")
    named = [(mask["task"], mask["label"], mask["instance"]) for mask in masks]
    assert named == [
        ("<REFERRING_EXPRESSION_SEGMENTATION>", "a red circle", 0),
        ("<REGION_TO_SEGMENTATION>", "", 0),
    ]
    circle = np.asarray(red_circle())[:, :, 1] < 128
    for mask in masks:
        picture = opened(mask)
        assert (picture.mode, picture.size) == ("L", SIZE)
        drawn = np.asarray(picture)
        assert set(np.unique(drawn)) == {0, 255}
        common = ((drawn > 0) & circle).sum() / ((drawn > 0) | circle).sum()
        assert common > 0.7


def test_each_task_with_places_has_an_overlay(seen: Json) -> None:
    overlays = artifacts(seen, "overlay")
    assert [entry["task"] for entry in overlays] == [
        entry["task"] for entry in seen["output"]["results"]
    ]
    plain = red_circle()
    for entry in overlays:
        picture = opened(entry)
        assert picture.width / picture.height == pytest.approx(SIZE[0] / SIZE[1])
        unlike = np.asarray(plain.resize(picture.size)) != np.asarray(picture.convert("RGB"))
        assert 0.001 < unlike.any(axis=2).mean() < 0.5


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_the_coco_file_is_read_by_its_own_library(seen: Json) -> None:
    (entry,) = artifacts(seen, "coco")
    assert (entry["media_type"], entry["width"], entry["height"]) == ("application/json", *SIZE)
    assert entry["url"].endswith(".json")
    read = COCO()
    read.dataset = json.loads(fetched(entry))
    read.createIndex()
    assert read.loadImgs([1])[0] == {
        "id": 1,
        "file_name": "picture",
        "width": SIZE[0],
        "height": SIZE[1],
    }
    assert {"circle", "a red circle"} <= {category["name"] for category in read.cats.values()}
    for annotation in read.anns.values():
        left, top, width, height = annotation["bbox"]
        assert overlap((left, top, left + width, top + height), BOX) > 0.7
        assert 0 < annotation["score"] <= 1
        if annotation["segmentation"]:
            assert read.annToMask(annotation).sum() == pytest.approx(annotation["area"], rel=0.05)


def test_a_region_outside_the_picture_is_refused_and_costs_nothing(tenant: Client) -> None:
    given = {"image": data_uri(red_circle()), "task": "region_to_category"}
    for region in [[0, 0, 321, 240], [0, 0, 320, 240.5], [400, 10, 500, 20]]:
        body = {"model": "florence-2-demo", "input": {**given, "region": region}}
        told = problem(tenant.http.post("/v1/jobs", json=body), 422, "invalid_input")
        assert told["errors"][0]["loc"] == ["body", "input", "region"]
        assert "320 x 240 pixels" in told["detail"]
    assert tenant.account()["held_micros"] == 0
    assert tenant.http.get("/v1/jobs").json()["jobs"] == []


def test_a_coco_file_is_no_picture_to_look_at(seen: Json, looker: Client) -> None:
    (entry,) = artifacts(seen, "coco")
    body = {"model": "florence-2-demo", "input": {"image": entry["url"], "task": "ocr"}}
    refused = problem(looker.http.post("/v1/jobs", json=body), 422)
    assert "not a PNG, JPEG, WebP" in refused["detail"]


def test_a_mask_is_a_picture_to_look_at(seen: Json, looker: Client) -> None:
    mask = artifacts(seen, "mask")[0]
    job = looker.await_end(looker.look(mask["url"]))
    assert job["output"]["image"] == {"width": SIZE[0], "height": SIZE[1]}


def test_whatever_is_listed_is_stored_and_nothing_else(
    seen: Json, looker: Client, stack: Stack
) -> None:
    keys = [info.key for info in stack.store.list(f"results/{looker.tenant_id}/")]
    assert sum(seen["id"] in key for key in keys) == len(seen["output"]["artifacts"])
