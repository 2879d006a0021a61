"""What Florence-2 variants accept, and how they say no."""

from typing import Any

import pytest
from pydantic import ValidationError

from workers.catalog import find
from workers.catalog.florence2_parameters import Florence2Parameters
from workers.catalog.florence2_tasks import TASKS


def parse(model: str = "florence-2-base", **input_: Any) -> Florence2Parameters:
    parsed = find(model).parameters.model_validate({"image": "file_1", **input_})
    assert isinstance(parsed, Florence2Parameters)
    return parsed


def refused(**input_: Any) -> tuple[str, str, str]:
    """Field, type and message of the one error."""
    with pytest.raises(ValidationError) as caught:
        parse(**input_)
    (error,) = caught.value.errors()
    return str(error["loc"][0]), error["type"], error["msg"]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_task_is_known_by_token_and_by_name(task: Any) -> None:
    text = {"text": "a red circle"} if task.takes_text else {}
    by_token, by_name = parse(task=task.token, **text), parse(task=task.name, **text)
    assert by_token == by_name
    assert by_name.tasks == (task.token,)
    assert by_name.asked == (task,)


def test_several_tasks_keep_their_order() -> None:
    parsed = parse(tasks=["ocr", "<CAPTION>", "object_detection"])
    assert parsed.tasks == ("<OCR>", "<CAPTION>", "<OD>")


@pytest.mark.parametrize(
    "input_", [{}, {"tasks": []}, {"task": None}, {"task": "ocr", "tasks": ["caption"]}]
)
def test_either_task_or_tasks_is_needed(input_: dict[str, Any]) -> None:
    assert refused(**input_)[:2] == ("task", "task_or_tasks")


def test_a_task_named_twice_is_refused_under_both_its_names() -> None:
    assert refused(tasks=["ocr", "<OCR>"])[1] == "duplicate_task"


def test_more_than_eight_tasks_are_refused() -> None:
    named = [task.name for task in TASKS if not task.takes_text]
    assert len(parse(tasks=named[:8]).tasks) == 8
    assert refused(tasks=[task.name for task in TASKS][:9], text="x")[:2] == ("tasks", "too_long")


@pytest.mark.parametrize("name", ["<od>", "OD", "object-detection", "<VQA>", "", 7, ["<OD>"]])
def test_an_unknown_task_is_refused(name: Any) -> None:
    assert refused(task=name)[:2] == ("task", "unknown_task")


def test_a_task_that_is_nearly_right_is_answered_with_the_right_one() -> None:
    assert refused(task="object_detecton")[2].endswith("did you mean object_detection?")
    assert refused(tasks=["<CAPTIONS>"])[:1] == ("tasks",)


def test_a_text_is_needed_where_a_task_reads_one() -> None:
    field, kind, message = refused(task="open_vocabulary_detection")
    assert (field, kind) == ("text", "text_required")
    assert "<OPEN_VOCABULARY_DETECTION>" in message


def test_a_text_is_refused_where_no_task_reads_one() -> None:
    assert refused(task="ocr", text="a cat")[:2] == ("text", "text_not_taken")
    assert parse(tasks=["ocr", "caption_to_phrase_grounding"], text="a cat").text == "a cat"


@pytest.mark.parametrize(
    "tag",
    ["<OD>", "<image>", "</s>", "<s>", "<pad>", "<loc_17>", "<poly>", "</poly>", "<sep>", "<mask>"],
)
def test_a_text_that_holds_a_token_is_refused(tag: str) -> None:
    field, kind, message = refused(task="open_vocabulary_detection", text=f"a {tag} cat")
    assert (field, kind) == ("text", "reserved_token")
    assert tag in message


@pytest.mark.parametrize("text", ["3 < 4 > 2", "I <3 cats", "<> a", "< s >", "x<-y"])
def test_a_text_with_lesser_signs_is_taken_as_it_is(text: str) -> None:
    assert parse(task="caption_to_phrase_grounding", text=text).text == text


def test_several_things_to_look_for_are_joined() -> None:
    text = "a cat <and> a dog"
    assert parse(task="open_vocabulary_detection", text=text).text == text
    assert refused(task="caption_to_phrase_grounding", text=text)[1] == "reserved_token"


@pytest.mark.parametrize("text", ["", "  ", "x" * 2001, "a\x00b", 7])
def test_a_text_that_is_none_is_refused(text: Any) -> None:
    assert refused(task="caption_to_phrase_grounding", text=text)[0] == "text"


def test_beams_and_tokens_have_the_variants_defaults_and_limits() -> None:
    large, demo = parse(task="ocr"), parse("florence-2-demo", task="ocr")
    assert (large.num_beams, large.max_new_tokens) == (3, 1023)
    assert (demo.num_beams, demo.max_new_tokens) == (1, 200)
    assert parse(task="ocr", num_beams=5).num_beams == 5


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_beams", 0),
        ("num_beams", 6),
        ("num_beams", True),
        ("num_beams", "3"),
        ("max_new_tokens", 0),
        ("max_new_tokens", 1024),
    ],
)
def test_values_out_of_range_are_refused(field: str, value: Any) -> None:
    assert refused(task="ocr", **{field: value})[0] == field


@pytest.mark.parametrize("field", ["prompt", "region", "images", "seed"])
def test_unknown_fields_are_refused(field: str) -> None:
    assert refused(task="ocr", **{field: "x"})[:2] == (field, "extra_forbidden")


def test_a_picture_is_needed() -> None:
    assert refused(task="ocr", image="")[0] == "image"
    with pytest.raises(ValidationError, match="image"):
        find("florence-2-base").parameters.model_validate({"task": "ocr"})
