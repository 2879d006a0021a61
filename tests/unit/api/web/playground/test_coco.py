"""The playground's COCO files, read by the format's own library."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from pycocotools.coco import COCO

from api.web.playground.coco import coco_of

Json = dict[str, Any]
SIZE = {"width": 200, "height": 100}
SQUARE = [0, 0, 40, 0, 40, 40, 0, 40]
TRIANGLE = [100, 50, 104, 50, 100, 53]


def output(task: str, value: Any, **more: Any) -> Json:
    return {"image": SIZE, "results": [{"task": task, "result": {task: value}, **more}]}


def read(file: Json, folder: Path) -> COCO:
    path = folder / "coco.json"
    path.write_text(json.dumps(file))
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def test_boxes_have_a_corner_and_a_size(tmp_path: Path) -> None:
    value = {"bboxes": [[10, 20, 110, 70], [0, 0, 9, 9]], "labels": ["cat", "dog"]}
    coco = read(coco_of(output("<OD>", value, scores=[0.9, 0.8]), {}), tmp_path)
    assert coco.imgs == {1: {"id": 1, "file_name": "picture", **SIZE}}
    first, second = coco.loadAnns(coco.getAnnIds())
    assert (first["bbox"], first["area"], first["score"]) == ([10, 20, 100, 50], 5000, 0.9)
    assert (first["iscrowd"], first["segmentation"], first["image_id"]) == (0, [], 1)
    assert [coco.cats[each["category_id"]]["name"] for each in (first, second)] == ["cat", "dog"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_outlines_of_several_parts_are_one_annotation(tmp_path: Path) -> None:
    task = "<REFERRING_EXPRESSION_SEGMENTATION>"
    value = {"polygons": [[SQUARE, TRIANGLE]], "labels": [""]}
    coco = read(coco_of(output(task, value, scores=[0.5]), {"text": "the cat"}), tmp_path)
    (only,) = coco.loadAnns(coco.getAnnIds())
    assert only["area"] == 40 * 40 + 6
    assert only["bbox"] == [0, 0, 104, 53]
    mask = coco.annToMask(only)
    assert mask.shape == (100, 200)
    assert mask[20, 20] == 1
    assert mask[90, 150] == 0
    assert coco.cats[only["category_id"]]["name"] == "the cat"


def test_quadrangles_of_text_keep_their_corners(tmp_path: Path) -> None:
    value = {"quad_boxes": [[10, 10, 90, 20, 80, 50, 5, 40]], "labels": ["ROMA"]}
    coco = read(coco_of(output("<OCR_WITH_REGION>", value, scores=[0.5]), {}), tmp_path)
    (only,) = coco.loadAnns(coco.getAnnIds(catIds=coco.getCatIds(catNms=["ROMA"])))
    assert only["segmentation"] == [[10, 10, 90, 20, 80, 50, 5, 40]]
    assert only["bbox"] == [5, 10, 85, 40]


def test_a_text_about_a_region_is_its_category(tmp_path: Path) -> None:
    answer = output(
        "<REGION_TO_CATEGORY>", "cat<loc_1><loc_2><loc_3><loc_4>", text="cat", scores=[1]
    )
    file = read(coco_of(answer, {"region": [1, 2, 11, 22]}), tmp_path)
    (only,) = file.loadAnns(file.getAnnIds(catIds=file.getCatIds(catNms=["cat"])))
    assert only["bbox"] == [1, 2, 10, 20]


@pytest.mark.parametrize("value", ["A cat.", {"bboxes": [], "labels": []}])
def test_an_answer_without_places_is_an_empty_file(value: Any, tmp_path: Path) -> None:
    task = "<CAPTION>" if isinstance(value, str) else "<OD>"
    file = read(coco_of(output(task, value, scores=[0.5]), {}), tmp_path)
    assert (list(file.imgs), file.anns, file.cats) == ([1], {}, {})
