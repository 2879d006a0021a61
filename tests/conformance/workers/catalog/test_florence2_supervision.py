"""`supervision`, which most people draw and count with, reads our results as they are."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from supervision import Detections
from supervision.detection.vlm import SUPPORTED_TASKS_FLORENCE_2, VLM

from tests.support.florence2 import (
    BOX,
    SIZE,
    loaded_demo,
    look,
    overlap,
    red_circle,
    task_input,
    work,
)
from workers.adapters.florence2.adapter import Florence2Adapter
from workers.catalog.florence2.tasks import BY_TOKEN

LABELLED = {
    "<OD>": "circle",
    "<DENSE_REGION_CAPTION>": "red circle",
    "<CAPTION_TO_PHRASE_GROUNDING>": "red circle",
    "<REGION_TO_CATEGORY>": "circle",
    "<REGION_TO_DESCRIPTION>": "red circle",
}
"""A word of the one label, where the task gives one."""

OUTLINED = ["<REFERRING_EXPRESSION_SEGMENTATION>", "<REGION_TO_SEGMENTATION>"]


@pytest.fixture(scope="module")
def demo() -> Iterator[Florence2Adapter]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield loaded_demo()
    torch.set_num_threads(before)


def read(demo: Florence2Adapter, task: str, picture: Image.Image | None = None) -> Detections:
    """The detections that supervision reads from a task's result."""
    data = look(demo, work(picture, task=task, **task_input(BY_TOKEN[task])))[0]
    size = (data["image"]["width"], data["image"]["height"])
    return Detections.from_vlm(VLM.FLORENCE_2, data["results"][0]["result"], resolution_wh=size)


def labels(detections: Detections) -> Any:
    return detections.data["class_name"]


@pytest.mark.parametrize("task", LABELLED)
def test_a_labelled_place_is_read(demo: Florence2Adapter, task: str) -> None:
    found = read(demo, task)
    assert len(found) == 1
    assert LABELLED[task] in labels(found)[0]
    assert overlap(found.xyxy[0], BOX) > 0.7


def test_a_place_without_a_label_is_read(demo: Florence2Adapter) -> None:
    found = read(demo, "<REGION_PROPOSAL>")
    assert len(found) == 1
    assert overlap(found.xyxy[0], BOX) > 0.7


@pytest.mark.parametrize("task", OUTLINED)
def test_an_outline_is_read_as_a_mask(demo: Florence2Adapter, task: str) -> None:
    found = read(demo, task)
    circle = np.asarray(red_circle())[:, :, 1] < 128
    assert found.mask is not None
    assert found.mask.shape == (1, SIZE[1], SIZE[0])
    assert (found.mask[0] & circle).sum() / (found.mask[0] | circle).sum() > 0.7


def test_words_and_their_outlines_are_read(demo: Florence2Adapter) -> None:
    picture = Image.new("RGB", SIZE, (250, 250, 250))
    ImageDraw.Draw(picture).text((60, 80), "STOP", fill=(18, 18, 18), font_size=60)
    found = read(demo, "<OCR_WITH_REGION>", picture)
    assert len(found) == len(labels(found)) >= 1
    assert all(0 <= edge <= max(SIZE) for edge in found.xyxy.flatten())


def test_what_was_looked_for_is_read(demo: Florence2Adapter) -> None:
    found = read(demo, "<OPEN_VOCABULARY_DETECTION>")
    assert len(found) == len(labels(found))


def test_every_task_that_supervision_knows_is_read_here() -> None:
    read_here = {*LABELLED, *OUTLINED, "<REGION_PROPOSAL>", "<OCR_WITH_REGION>"}
    assert {*SUPPORTED_TASKS_FLORENCE_2} == {*read_here, "<OPEN_VOCABULARY_DETECTION>"}
