"""Inputs of Florence-2 predictions become the variant's own parameters."""

from contextlib import suppress
from typing import Any

import pytest

from api.compat.replicate.florence_input import TASK_INPUTS, translate
from api.compat.shared.measured_pictures import MeasuredPicture
from api.compat.shared.translation import Translation
from api.core.domain_errors import InvalidSubmissionError
from workers import catalog
from workers.catalog.florence2.tasks import BY_TOKEN

PICTURE = "https://example.org/a.png"
VARIANT = catalog.find("florence-2-large")


def measured(picture: str, foreign: str) -> MeasuredPicture:
    assert (picture, foreign) == (PICTURE, "image")
    return MeasuredPicture("file_1", (2000, 1000))


def translated(**fields: Any) -> Translation:
    return translate(VARIANT, {"image": PICTURE, **fields}, measured)


@pytest.mark.parametrize("name", TASK_INPUTS)
def test_each_task_has_its_token(name: str) -> None:
    text = {"text_input": "<loc_0><loc_0><loc_9><loc_9>"} if name.startswith("Region to") else {}
    t = translated(task_input=name, **text)
    task = BY_TOKEN[t.input["task"]]
    assert task.name == name.lower().replace(" ", "_")
    assert t.input.get("artifacts") == (["overlay"] if task.places else None)


def test_a_caption_is_the_usual_task() -> None:
    assert translated().input == {"image": PICTURE, "task": "<CAPTION>"}
    assert translated(task_input="<OD>").input["task"] == "<OD>"
    assert translated(task=None, tasks=["<OD>", "caption"]).input == {
        "image": PICTURE,
        "tasks": ["<OD>", "caption"],
        "artifacts": ["overlay"],
    }


def test_a_region_becomes_pixels_of_the_measured_picture() -> None:
    t = translated(task_input="Region to OCR", text_input="<loc_0><loc_10><loc_500><loc_999>")
    assert t.input["image"] == "file_1"
    assert t.input["region"] == pytest.approx([1, 10.5, 1001, 999.5])


@pytest.mark.parametrize("text", ["circle", "<loc_1><loc_2>", "<loc_1><loc_2><loc_3><loc_1000>", 7])
def test_a_region_that_cannot_be_read(text: Any) -> None:
    with pytest.raises(InvalidSubmissionError) as caught:
        translated(task_input="Region to Category", text_input=text)
    assert [each.loc for each in caught.value.fields] == [("text_input",)]


def test_text_is_told_where_the_task_takes_none() -> None:
    t = translated(task_input="OCR", text_input="circle", steps=3)
    assert "text" not in t.input
    assert [warning.parameter for warning in t.warnings] == ["text_input", "steps"]
    assert translated(task_input="OCR", text_input="").warnings == []


@pytest.mark.parametrize("value", [None, 0, "", [], {}, "x", -1, 1.5, True, [[]], {"a": 1}])
@pytest.mark.parametrize("name", ["image", "task_input", "text_input", "task", "tasks", "region"])
def test_no_value_breaks_the_translation(name: str, value: Any) -> None:
    with suppress(InvalidSubmissionError):
        translated(**{name: value})


def test_an_unknown_task_is_told_with_the_known_ones() -> None:
    with pytest.raises(
        InvalidSubmissionError, match=r"'Captions' is no task.*Detailed Caption, "
    ) as e:
        translated(task_input="Captions")
    assert [each.loc for each in e.value.fields] == [("task_input",)]
