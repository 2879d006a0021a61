"""Cases from COCO files: questions, true answers, and faults of the file."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from workers.training.calibration.cases import Case
from workers.training.calibration.coco_cases import CocoFileError, coco_cases, read_coco

Json = dict[str, Any]
CAT, DOG, BIRD = 1, 7, 9
CATEGORIES = [{"id": CAT, "name": "cat"}, {"id": DOG, "name": "dog"}, {"id": BIRD, "name": "bird"}]


def annotation(category: int, *bbox: float, outlined: bool = True, **more: Any) -> Json:
    left, top, width, height = bbox
    right, bottom = left + width, top + height
    polygon = [left, top, right, top, right, bottom, left, bottom]
    segmentation = [polygon] if outlined else []
    place = {"bbox": [*bbox], "segmentation": segmentation}
    return {"id": 1, "image_id": 1, "category_id": category, **place, **more}


def written(folder: Path, *annotations: Json, **changes: Any) -> Path:
    Image.new("RGB", (100, 80), "white").save(folder / "one.png")
    images = [{"id": 1, "file_name": "one.png", "width": 100, "height": 80, "license": 3}]
    file = {"images": images, "annotations": [*annotations], "categories": CATEGORIES, **changes}
    path = folder / "instances.json"
    path.write_text(json.dumps(file))
    return path


def cases(folder: Path, *annotations: Json) -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = {}
    for case in coco_cases(read_coco(written(folder, *annotations)), folder):
        found.setdefault(case.task.token, []).append(case)
    return found


def test_a_picture_is_asked_about_what_is_on_it_and_what_is_not(tmp_path: Path) -> None:
    found = cases(tmp_path, annotation(CAT, 10, 10, 30, 20), annotation(DOG, 50, 5, 20, 40))
    [detection] = found["<OD>"]
    assert [(each.label, each.box) for each in detection.targets] == [
        ("cat", (10, 10, 40, 30)),
        ("dog", (50, 5, 70, 45)),
    ]
    assert detection.labels == {"cat", "dog", "bird"}
    assert found["<CAPTION_TO_PHRASE_GROUNDING>"][0].inputs == {"text": "cat and dog."}
    present, absent = found["<OPEN_VOCABULARY_DETECTION>"]
    assert [each.label for each in present.targets] == [present.inputs["text"]]
    assert (absent.inputs, absent.targets) == ({"text": "bird"}, ())


def test_a_phrase_is_asked_about_where_it_fits_one_thing_alone(tmp_path: Path) -> None:
    pair = [annotation(CAT, 10, 10, 30, 20), annotation(CAT, 50, 5, 20, 40)]
    assert "<REFERRING_EXPRESSION_SEGMENTATION>" not in cases(tmp_path, *pair)
    [asked] = cases(tmp_path, *pair, annotation(DOG, 70, 50, 20, 20))[
        "<REFERRING_EXPRESSION_SEGMENTATION>"
    ]
    assert asked.inputs == {"text": "dog"}


def test_what_has_no_outline_is_not_asked_for_one(tmp_path: Path) -> None:
    found = cases(tmp_path, annotation(CAT, 10, 10, 30, 20, outlined=False))
    assert "<REGION_TO_SEGMENTATION>" not in found
    assert "<REFERRING_EXPRESSION_SEGMENTATION>" not in found
    [named] = found["<REGION_TO_CATEGORY>"]
    assert (named.inputs["region"], named.targets[0].label) == ([10, 10, 40, 30], "cat")


def test_a_region_lies_inside_the_picture(tmp_path: Path) -> None:
    [named] = cases(tmp_path, annotation(CAT, -5, 60, 200, 30))["<REGION_TO_CATEGORY>"]
    assert named.inputs["region"] == [0, 60, 100, 80]
    assert named.targets[0].box == (0, 60, 100, 80)


def test_pictures_with_a_crowd_or_nothing_are_no_trouble(tmp_path: Path) -> None:
    assert cases(tmp_path, annotation(CAT, 1, 1, 9, 9, iscrowd=1)) == {}
    assert [*cases(tmp_path)] == ["<OD>", "<OPEN_VOCABULARY_DETECTION>"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"images": None}, "images"),
        ({"categories": []}, "category 1"),
        ({"annotations": [{"image_id": 1}]}, r"annotations\.0\.category_id"),
        ({"annotations": [annotation(CAT, 1, 2, 3, 4) | {"bbox": [1, 2]}]}, "bbox"),
        ({"images": [{"id": 1, "file_name": "two.png"}]}, "two.png: No such file"),
        ({"images": [{"id": 1, "file_name": "instances.json"}]}, "instances.json"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_its_place(
    tmp_path: Path, changes: Json, told: str
) -> None:
    path = written(tmp_path, **{"annotations": [annotation(CAT, 1, 2, 3, 4)], **changes})
    with pytest.raises(CocoFileError, match=told):
        list(coco_cases(read_coco(path), tmp_path))


@pytest.mark.parametrize("content", [b"", b"no JSON", b"[]", b"\xff\xfe"])
def test_what_is_no_coco_file_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "instances.json"
    path.write_bytes(content)
    with pytest.raises(CocoFileError, match=r"instances\.json"):
        read_coco(path)
