"""Renderings of an analysis: instances, masks, overlays, COCO files."""

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from workers.adapters.florence2.renderings import MASKS_LIMITED, MAX_MASKS, Renderings
from workers.adapters.florence2.renderings.masks import draw_mask
from workers.adapters.florence2.renderings.overlay import draw_overlay
from workers.adapters.protocol import File
from workers.catalog import find
from workers.catalog.florence2.coco import area_of, as_coco
from workers.catalog.florence2.instances import instances_of
from workers.catalog.florence2.parameters import Florence2Parameters
from workers.catalog.florence2.tasks import BY_TOKEN

SIZE = (640, 480)
SQUARE = [100, 100, 199, 100, 199, 199, 100, 199]
OTHER = [300, 300, 349, 300, 349, 349, 300, 349]
REFER = "<REFERRING_EXPRESSION_SEGMENTATION>"
Json = dict[str, Any]

ANSWERS: dict[str, Any] = {
    "<CAPTION>": "A cat.",
    "<OD>": {"bboxes": [[10, 20, 110, 70], [0, 0, 640, 480]], "labels": ["cat", "dog"]},
    "<REGION_PROPOSAL>": {"bboxes": [[10, 20, 110, 70]], "labels": [""]},
    "<OCR_WITH_REGION>": {"quad_boxes": [[10, 10, 90, 20, 80, 50, 5, 40]], "labels": ["STOP"]},
    REFER: {"polygons": [[SQUARE, OTHER]], "labels": [""]},
    "<OPEN_VOCABULARY_DETECTION>": {
        "bboxes": [[1, 2, 3, 4]],
        "bboxes_labels": ["cat"],
        "polygons": [[SQUARE], [OTHER]],
        "polygons_labels": ["dog", "bird"],
    },
    "<REGION_TO_CATEGORY>": "cat<loc_1><loc_2><loc_3><loc_4>",
}


def ask(*tasks: str, artifacts: tuple[str, ...] = ()) -> Florence2Parameters:
    rows = [BY_TOKEN[task] for task in tasks]
    text = {"text": "the cat"} if any(row.takes_text for row in rows) else {}
    region = {"region": [50, 60, 150, 160]} if any(row.takes_region for row in rows) else {}
    given = {"image": "x", "tasks": tasks, "artifacts": artifacts, **text, **region}
    parsed = find("florence-2-demo").parameters.model_validate(given)
    assert isinstance(parsed, Florence2Parameters)
    return parsed


def told(task: str, value: Any = None) -> Json:
    """A result with scores 0.9, 0.8 …"""
    scores = [round(0.9 - n / 10, 1) for n in range(8)]
    text = {"text": "cat"} if BY_TOKEN[task].takes_region else {}
    answer = ANSWERS[task] if value is None else value
    raw = {"raw_scores": [score / 2 for score in scores]}
    return {"task": task, "result": {task: answer}, "scores": scores, **raw, "warnings": [], **text}


def found(*tasks: str, **values: Any) -> Any:
    return instances_of([told(task, **values) for task in tasks], ask(*tasks).model_dump())


def test_a_caption_is_nowhere() -> None:
    assert found("<CAPTION>") == []


def test_boxes_have_their_labels_and_scores() -> None:
    cat, dog = found("<OD>")
    assert (cat.label, cat.box, cat.score, cat.number) == ("cat", (10, 20, 110, 70), 0.9, 0)
    assert (dog.label, dog.score, dog.number, dog.is_masked) == ("dog", 0.8, 1, False)


def test_quadrangles_keep_their_corners_within_a_box() -> None:
    (sign,) = found("<OCR_WITH_REGION>")
    assert (sign.box, sign.label) == ((5, 10, 90, 50), "STOP")
    assert [list(points) for points in sign.outlines] == [[10, 10, 90, 20, 80, 50, 5, 40]]
    assert not sign.is_masked


def test_an_instance_of_several_parts_is_one() -> None:
    (cat,) = found(REFER)
    assert (cat.box, cat.is_masked, len(cat.outlines)) == ((100, 100, 349, 349), True, 2)
    assert cat.label == "the cat"  # the task answers with no name: its text is one


def test_boxes_and_outlines_of_one_answer_are_in_the_order_of_the_scores() -> None:
    labels = [(one.label, one.score) for one in found("<OPEN_VOCABULARY_DETECTION>")]
    assert labels == [("cat", 0.9), ("dog", 0.8), ("bird", 0.7)]


def test_what_is_said_of_a_region_is_there() -> None:
    (cat,) = found("<REGION_TO_CATEGORY>")
    assert (cat.label, cat.box) == ("cat", (50, 60, 150, 160))


@pytest.mark.parametrize("polygons", [[], [[]], [[[1, 2, 3, 4]]], [[[]]]])
def test_an_outline_of_two_points_is_none(polygons: Any) -> None:
    labels = [""] * len(polygons)
    assert found(REFER, value={"polygons": polygons, "labels": labels}) == []


def test_a_mask_is_white_within_the_outlines_alone() -> None:
    mask = np.asarray(draw_mask(found(REFER)[0], SIZE))
    expected = np.zeros((480, 640), dtype=np.uint8)
    expected[100:200, 100:200] = expected[300:350, 300:350] = 255
    assert (mask == expected).all()


def test_coco_tells_boxes_by_corner_and_size() -> None:
    tasks = ("<OD>", REFER, "<REGION_PROPOSAL>")
    file = as_coco(found(*tasks), SIZE)
    assert file["images"] == [{"id": 1, "file_name": "picture", "width": 640, "height": 480}]
    names = {category["id"]: category["name"] for category in file["categories"]}
    assert list(names.values()) == ["cat", "dog", "the cat", "object"]
    cat, _, outlined, nameless = file["annotations"]
    assert (cat["bbox"], cat["area"], cat["segmentation"]) == ([10, 20, 100, 50], 5000, [])
    assert (cat["score"], cat["raw_score"]) == (0.9, 0.45)
    assert (cat["iscrowd"], cat["image_id"]) == (0, 1)
    assert outlined["segmentation"] == [SQUARE, OTHER]
    assert outlined["area"] == 99**2 + 49**2
    assert names[nameless["category_id"]] == "object"
    assert [one["id"] for one in file["annotations"]] == [1, 2, 3, 4]


def test_an_area_is_the_same_whichever_way_round() -> None:
    triangle = [0, 0, 4, 0, 0, 3]
    assert area_of(triangle) == area_of([0, 3, 4, 0, 0, 0]) == 6


def changed(picture: Image.Image, drawn: Image.Image) -> Any:
    return (np.asarray(picture) != np.asarray(drawn)).any(axis=2)


def test_an_overlay_draws_where_the_things_are_and_leaves_the_picture() -> None:
    picture = Image.new("RGB", SIZE, "white")
    drawn = changed(picture, draw_overlay(picture, found("<OD>")[:1]))
    assert drawn[20, 10:110].all()
    assert drawn[70, 10:110].all()
    assert not drawn[80:, :].any()
    assert not drawn[:, 120:].any()
    assert picture.getcolors() == [(640 * 480, (255, 255, 255))]


def test_an_overlay_of_nothing_is_the_picture() -> None:
    picture = Image.new("RGB", SIZE, "white")
    assert not changed(picture, draw_overlay(picture, [])).any()


@pytest.mark.parametrize(
    ("size", "drawn"),
    [
        ((640, 480), (640, 480)),
        ((128, 128), (512, 512)),
        ((1, 1), (512, 512)),
        ((1, 5000), (1, 5000)),
        ((4, 1000), (8, 2000)),
    ],
)
def test_a_small_picture_is_enlarged_within_bounds(
    size: tuple[int, int], drawn: tuple[int, int]
) -> None:
    overlay = draw_overlay(Image.new("RGB", size), found("<OD>"))
    assert overlay.size == drawn


def test_labels_give_way_to_each_other() -> None:
    box = [200, 200, 300, 300]
    value = {"bboxes": [box, box, box], "labels": ["one", "two", "three"]}
    picture = Image.new("RGB", SIZE, "white")
    overlay = draw_overlay(picture, found("<OD>", value=value))
    colours = {colour for _, colour in overlay.getcolors(1 << 24) or []}
    patches = [(230, 25, 75), (0, 130, 200), (60, 180, 75)]
    areas = [(np.asarray(overlay) == patch).all(axis=2).sum() for patch in patches]
    assert set(patches) <= colours
    assert min(areas) > 200  # no patch is hidden behind another


def files(*tasks: str, artifacts: tuple[str, ...], **values: Any) -> list[File]:
    results = [told(task, **values) for task in tasks]
    picture = Image.new("RGB", SIZE, "white")
    return list(Renderings(picture, ask(*tasks, artifacts=artifacts), results).files())


def test_every_kind_is_a_file_of_its_own() -> None:
    made = files("<OD>", REFER, artifacts=("masks", "overlay", "coco"))
    assert [file.kind for file in made] == ["mask", "overlay", "overlay", "coco"]
    mask = made[0]
    assert mask.about == {
        "task": REFER,
        "label": "the cat",
        "instance": 0,
        "score": 0.9,
        "raw_score": 0.45,
    }
    assert [file.about.get("task") for file in made[1:]] == ["<OD>", REFER, None]
    for file in made[:3]:
        picture = Image.open(io.BytesIO(file.data))
        assert (picture.format, picture.size, file.media_type) == ("PNG", file.size, "image/png")
    assert json.loads(made[3].data)["annotations"]


def test_what_was_not_asked_for_is_not_made() -> None:
    assert [file.kind for file in files("<OD>", REFER, artifacts=("coco",))] == ["coco"]


def test_masks_beyond_the_most_are_left_out_with_a_warning() -> None:
    count = MAX_MASKS + 5
    value = {"polygons": [[SQUARE]] * count, "labels": [""] * count}
    result = {**told(REFER, value), "scores": [0.5] * count}
    caption = told("<CAPTION>")
    asked = ask("<CAPTION>", REFER, artifacts=("masks",))
    renderings = Renderings(Image.new("RGB", (200, 200)), asked, [caption, result])
    renderings.add_warnings()
    assert (caption["warnings"], result["warnings"]) == ([], [MASKS_LIMITED])
    assert len(list(renderings.files())) == MAX_MASKS
