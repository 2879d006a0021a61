"""Real answers of florence-2-demo, drawn and written as COCO by the service's pages."""

import contextlib
import io
from typing import Any

import pytest
import torch
from pycocotools.coco import COCO

from api.web.playground.coco import coco_of
from api.web.playground.overlay import overlay_view
from tests.support.florence2 import BOX, Json, loaded_demo, look, overlap, task_input, work
from workers.catalog.florence2.tasks import TASKS, Florence2Task

PLACED = [task for task in TASKS if task.places and task.token != "<OCR_WITH_REGION>"]
"""All that find the red circle; nothing is written in its picture."""


@pytest.fixture(scope="module")
def told() -> dict[str, tuple[Json, Json]]:
    """By task: the output of a job about the red circle, and what was asked."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    works = [work(task=task.token, **task_input(task)) for task in TASKS]
    demo = loaded_demo()
    outputs = [look(demo, each)[0] for each in works]
    torch.set_num_threads(before)
    asked = [each.parameters.model_dump() for each in works]
    return {
        task.token: (output, given)
        for task, output, given in zip(TASKS, outputs, asked, strict=True)
    }


def read(file: Json) -> Any:
    coco = COCO()
    coco.dataset = file
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco


@pytest.mark.parametrize("task", PLACED, ids=lambda task: task.name)
def test_what_is_found_is_drawn_and_written_where_it_is(
    told: dict[str, tuple[Json, Json]], task: Florence2Task
) -> None:
    output, asked = told[task.token]
    (overlay,) = overlay_view(output, "/picture", asked).overlays
    file = read(coco_of(output, asked))
    annotations = file.loadAnns(file.getAnnIds())
    assert len(annotations) == len(overlay.shapes) == 1
    left, top, width, height = annotations[0]["bbox"]
    assert overlap((left, top, left + width, top + height), BOX) > 0.7
    assert overlap(overlay.shapes[0].box, BOX) > 0.7
    assert 0 < annotations[0]["score"] <= 1
    assert annotations[0]["score"] == overlay.shapes[0].score


def test_words_have_no_place(told: dict[str, tuple[Json, Json]]) -> None:
    for task in (task for task in TASKS if not task.places):
        output, asked = told[task.token]
        seen = overlay_view(output, "/picture", asked)
        assert (seen.overlays, seen.as_coco) == ([], "")
        assert len(seen.answers) == 1
