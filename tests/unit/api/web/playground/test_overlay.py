"""The playground's view of a Florence-2 job's answers."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from api.web import playground
from api.web.playground.overlay import OverlayView, overlay_view
from api.web.shared.florence2_overlay import UNNAMED, overlays
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


def job_input(task: Florence2Task) -> Json:
    return {
        "text": "the cat" if task.takes_text else None,
        "region": BOX if task.takes_region else None,
    }


def view_of(task: Florence2Task, **more: Any) -> OverlayView:
    return overlay_view(output(task, **more), "/picture", job_input(task))


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_task_is_shown_as_an_overlay_or_as_text(task: Florence2Task) -> None:
    view = view_of(task)
    assert len(view.overlays) == (1 if task.places else 0)
    assert len(view.answers) == (0 if task.places else 1)
    assert bool(view.as_coco) == task.places
    assert json.loads(view.as_json)["results"][0]["result"] == {task.token: value_of(task)}
    for overlay in view.overlays:
        assert (overlay.width, overlay.height, overlay.title) == (200, 100, task.title)
        assert [shape.score for shape in overlay.shapes] == [0.9, 0.8][: len(overlay.shapes)]
        for points in (points for shape in overlay.shapes for points in shape.outlines):
            assert re.fullmatch(r"(\d+,\d+ ){2,}\d+,\d+", points)


def by_token(token: str) -> Florence2Task:
    return next(task for task in TASKS if task.token == token)


def test_a_text_about_a_region_is_shown_in_it() -> None:
    (overlay,) = view_of(by_token("<REGION_TO_CATEGORY>")).overlays
    assert [(shape.label, shape.place) for shape in overlay.shapes] == [
        ("A cat.", "10, 20 to 110, 70")
    ]


def test_a_place_without_a_name_gets_the_phrase_of_the_request() -> None:
    (phrase,) = view_of(by_token("<REFERRING_EXPRESSION_SEGMENTATION>")).overlays
    assert [shape.label for shape in phrase.shapes] == ["the cat"]
    assert len(phrase.shapes[0].outlines) == 2
    (unnamed,) = view_of(by_token("<REGION_PROPOSAL>")).overlays
    assert [shape.label for shape in unnamed.shapes] == [UNNAMED]


def test_small_shapes_are_drawn_over_large_ones() -> None:
    (overlay,) = view_of(by_token("<OD>")).overlays
    assert [shape.label for shape in overlay.shapes] == ["cat", "sofa"]
    assert [shape.label for shape in overlay.draw_order] == ["sofa", "cat"]


def test_equal_labels_are_one_group() -> None:
    value = {"bboxes": [BOX, SQUARE[2:6], BOX], "labels": ["cat", "dog", "cat"]}
    job_output = output(by_token("<OD>"), result={"<OD>": value})
    (overlay,) = overlays(job_output, "/picture")
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
def test_a_doubtful_answer_has_a_warning(more: Json, words: str) -> None:
    view = view_of(by_token("<REGION_TO_CATEGORY>"), **more)
    (warning,) = view.overlays[0].warnings
    assert words in warning
    (caption,) = view_of(by_token("<CAPTION>"), **more).answers
    assert caption.warnings == [warning]


def rendered(view: OverlayView) -> str:
    pages = environment(TEMPLATES, asset=str)
    return pages.get_template("overlay.html").render(analysis=view)


def test_labels_are_text_and_never_markup() -> None:
    label = "</pre><script>alert(1)</script>\"'"
    job_output = output(by_token("<OD>"), result={"<OD>": {"bboxes": [BOX], "labels": [label]}})
    pages = environment(TEMPLATES, asset=str)
    text = pages.get_template("overlay.html").render(
        analysis=overlay_view(job_output, "/picture", {})
    )
    assert "<script" not in text
    assert "onerror" not in text
    assert text.count("&lt;script&gt;") >= 3


def test_an_empty_result_has_a_text() -> None:
    job_output = output(by_token("<OD>"), result={"<OD>": {"bboxes": [], "labels": []}})
    pages = environment(TEMPLATES, asset=str)
    text = pages.get_template("overlay.html").render(
        analysis=overlay_view(job_output, "/picture", {})
    )
    assert "Nothing was found." in text
