"""What the playground shows of a Florence-2 job's answers."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from api.web import playground
from api.web.playground.overlay import Seen, seen_in
from api.web.shared.florence2_overlay import NAMELESS, overlays
from api.web.shared.templates import environment
from workers.catalog.florence2.tasks import TASKS, Florence2Task

TEMPLATES = Path(*playground.__path__) / "templates"
Json = dict[str, Any]
BOX = [10, 20, 110, 70]
SQUARE = [0, 0, 40, 0, 40, 40, 0, 40]

VALUES: dict[str, Any] = {
    "<OD>": {"bboxes": [BOX, [0, 0, 200, 100]], "labels": ["cat", "sofa"]},
    "<DENSE_REGION_CAPTION>": {"bboxes": [BOX], "labels": ["a cat on a sofa"]},
    "<REGION_PROPOSAL>": {"bboxes": [BOX], "labels": [""]},
    "<CAPTION_TO_PHRASE_GROUNDING>": {"bboxes": [BOX], "labels": ["a cat"]},
    "<OPEN_VOCABULARY_DETECTION>": {
        "bboxes": [BOX],
        "bboxes_labels": ["cat"],
        "polygons": [[SQUARE]],
        "polygons_labels": ["sofa"],
    },
    "<REFERRING_EXPRESSION_SEGMENTATION>": {
        "polygons": [[SQUARE, [9, 9, 12, 9, 9, 12]]],
        "labels": [""],
    },
    "<REGION_TO_SEGMENTATION>": {"polygons": [[SQUARE]], "labels": [""]},
    "<OCR_WITH_REGION>": {"quad_boxes": [SQUARE], "labels": ["ROMA"]},
}


def value_of(task: Florence2Task) -> Any:
    region = "<loc_50><loc_200><loc_550><loc_700>" if task.takes_region else ""
    return VALUES.get(task.token, f"A cat.{region}")


def output(*tasks: Florence2Task, **more: Any) -> Json:
    """A job's output that answers these tasks, with scores 0.9, 0.8."""
    results = [
        {
            "task": task.token,
            "result": {task.token: value_of(task)},
            **({"text": "A cat."} if task.takes_region else {}),
            "scores": [0.9, 0.8],
            "finish_reason": "stop",
            "warnings": [],
            **more,
        }
        for task in tasks
    ]
    return {"image": {"width": 200, "height": 100}, "results": results}


def asked(task: Florence2Task) -> Json:
    return {
        "text": "the cat" if task.takes_text else None,
        "region": BOX if task.takes_region else None,
    }


def seen(task: Florence2Task, **more: Any) -> Seen:
    return seen_in(output(task, **more), "/picture", asked(task))


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_task_is_shown_as_what_it_is(task: Florence2Task) -> None:
    told = seen(task)
    assert len(told.overlays) == (1 if task.places else 0)
    assert len(told.answers) == (0 if task.places else 1)
    assert bool(told.as_coco) == task.places
    assert json.loads(told.as_json)["results"][0]["result"] == {task.token: value_of(task)}
    for overlay in told.overlays:
        assert (overlay.width, overlay.height, overlay.means) == (200, 100, task.title)
        assert [shape.score for shape in overlay.shapes] == [0.9, 0.8][: len(overlay.shapes)]
        for points in (points for shape in overlay.shapes for points in shape.outlines):
            assert re.fullmatch(r"(\d+,\d+ ){2,}\d+,\d+", points)


def by_token(token: str) -> Florence2Task:
    return next(task for task in TASKS if task.token == token)


def test_words_about_a_region_are_shown_in_it() -> None:
    (overlay,) = seen(by_token("<REGION_TO_CATEGORY>")).overlays
    assert [(shape.label, shape.place) for shape in overlay.shapes] == [
        ("A cat.", "10, 20 to 110, 70")
    ]


def test_what_has_no_name_bears_the_phrase_that_it_was_sought_by() -> None:
    (sought,) = seen(by_token("<REFERRING_EXPRESSION_SEGMENTATION>")).overlays
    assert [shape.label for shape in sought.shapes] == ["the cat"]
    assert len(sought.shapes[0].outlines) == 2
    (nameless,) = seen(by_token("<REGION_PROPOSAL>")).overlays
    assert [shape.label for shape in nameless.shapes] == [NAMELESS]


def test_small_things_are_drawn_over_large_ones() -> None:
    (overlay,) = seen(by_token("<OD>")).overlays
    assert [shape.label for shape in overlay.shapes] == ["cat", "sofa"]
    assert [shape.label for shape in overlay.drawn] == ["sofa", "cat"]


def test_equal_labels_are_one_group() -> None:
    value = {"bboxes": [BOX, SQUARE[2:6], BOX], "labels": ["cat", "dog", "cat"]}
    told = output(by_token("<OD>"), result={"<OD>": value})
    (overlay,) = overlays(told, "/picture")
    assert [(group.label, len(group.shapes)) for group in overlay.groups] == [
        ("cat", 2),
        ("dog", 1),
    ]
    assert [shape.colour for shape in overlay.shapes] == [0, 1, 0]
    assert [shape.score for shape in overlay.shapes] == [0.9, 0.8, None]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"finish_reason": "length"}, "cut off"),
        ({"warnings": ["repetition"]}, "over and over"),
        ({"warnings": ["masks_limited"]}, "outlines"),
    ],
)
def test_a_doubtful_answer_says_so(more: Json, words: str) -> None:
    told = seen(by_token("<REGION_TO_CATEGORY>"), **more)
    (doubt,) = told.overlays[0].doubts
    assert words in doubt
    (caption,) = seen(by_token("<CAPTION>"), **more).answers
    assert caption.doubts == [doubt]


def test_labels_are_text_and_never_markup() -> None:
    label = "</pre><script>alert(1)</script>\"'"
    told = output(by_token("<OD>"), result={"<OD>": {"bboxes": [BOX], "labels": [label]}})
    pages = environment(TEMPLATES, asset=str)
    text = pages.get_template("overlay.html").render(seen=seen_in(told, "/picture", {}))
    assert "<script" not in text
    assert "onerror" not in text
    assert text.count("&lt;script&gt;") >= 3


def test_nothing_found_is_said() -> None:
    told = output(by_token("<OD>"), result={"<OD>": {"bboxes": [], "labels": []}})
    pages = environment(TEMPLATES, asset=str)
    text = pages.get_template("overlay.html").render(seen=seen_in(told, "/picture", {}))
    assert "Nothing was found." in text
