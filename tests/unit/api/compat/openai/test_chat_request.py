"""Messages of a chat, as tasks of Florence-2."""

from typing import Any

import pytest

from api.compat.openai.chat_request import question_of, translation_of
from api.core.domain_errors import InvalidSubmissionError
from workers.catalog import find
from workers.catalog.florence2.tasks import TASKS

DEMO = find("florence-2-demo")
URL = "https://example.org/a.png"
PICTURE = {"type": "image_url", "image_url": {"url": URL}}

Json = dict[str, Any]


def asking(text: str, picture: Any = PICTURE) -> list[Json]:
    """The messages of a question."""
    return [{"role": "user", "content": [{"type": "text", "text": text}, picture]}]


def task_of(text: str) -> tuple[str, str]:
    question = question_of(asking(text))
    return question.task.token, question.words


@pytest.mark.parametrize("task", TASKS)
def test_each_task_is_known_by_its_token_and_its_plain_name(task: Any) -> None:
    assert task_of(task.token) == (task.token, "")
    for name in (task.name, task.name.replace("_", " "), task.name.replace("_", "-").title()):
        assert task_of(name) == (task.token, "")


@pytest.mark.parametrize(
    ("text", "token", "words"),
    [
        (
            "<CAPTION_TO_PHRASE_GROUNDING> a red circle",
            "<CAPTION_TO_PHRASE_GROUNDING>",
            "a red circle",
        ),
        ("<CAPTION_TO_PHRASE_GROUNDING>a star\n", "<CAPTION_TO_PHRASE_GROUNDING>", "a star"),
        ("open vocabulary detection: a star", "<OPEN_VOCABULARY_DETECTION>", "a star"),
        ("Region_to_category <loc_1><loc_2>", "<REGION_TO_CATEGORY>", "<loc_1><loc_2>"),
        (" <OD> please", "<OD>", "please"),
    ],
)
def test_words_follow_the_task(text: str, token: str, words: str) -> None:
    assert task_of(text) == (token, words)


@pytest.mark.parametrize("text", ["", "what is this?", "<NOTHING>", "caption this", "<od>"])
def test_an_unknown_task_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(InvalidSubmissionError, match="<DENSE_REGION_CAPTION>"):
        question_of(asking(text))


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "<OD>"}],
        [*asking("<OD>"), *asking("<OD>")],
        asking("<OD>", {"type": "image_url", "image_url": None}),
        asking("<OD>", {"type": "image_url"}),
        [{"role": "user"}],
        [{}],
        [{"content": 7}],
    ],
)
def test_all_but_one_picture_is_refused(messages: list[Json]) -> None:
    with pytest.raises(InvalidSubmissionError, match=r"one picture|a URL or a data URI"):
        question_of(messages)


def test_the_text_may_be_in_another_message_than_the_picture() -> None:
    told = {"role": "system", "content": "<OCR>"}
    shown = {"role": "user", "content": [PICTURE]}
    asked = {"role": "user", "content": "caption"}
    answered = {"role": "assistant", "content": "<OD>"}
    assert question_of([told, shown]).task.token == "<OCR>"
    assert question_of([told, shown, asked]).task.token == "<CAPTION>"
    assert question_of([shown, asked, answered]).task.token == "<CAPTION>"


def test_a_picture_may_be_bare_base64() -> None:
    bare = {"type": "image_url", "image_url": "iVBORw0KGgo="}
    assert question_of(asking("<OD>", bare)).picture == "data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize(
    ("words", "region"),
    [
        ("<loc_0><loc_250><loc_499><loc_999>", [0.1, 25.05, 99.9, 99.95]),
        (" <loc_0> <loc_250> <loc_499> <loc_999> ", [0.1, 25.05, 99.9, 99.95]),
        ("[10, 20, 30.5, 40]", [10, 20, 30.5, 40]),
        ("10,20,30,40", [10, 20, 30, 40]),
    ],
)
def test_a_region_is_in_thousandths_or_in_pixels(words: str, region: list[float]) -> None:
    question = question_of(asking(f"<REGION_TO_OCR>{words}"))
    translation = translation_of(DEMO, question, (200, 100))
    assert translation.input["region"] == pytest.approx(region)


@pytest.mark.parametrize("words", ["", "the left half", "<loc_1><loc_2><loc_3>", "1,2,3"])
def test_a_task_without_its_region_is_refused(words: str) -> None:
    question = question_of(asking(f"<REGION_TO_OCR>{words}"))
    with pytest.raises(InvalidSubmissionError, match="needs a region"):
        translation_of(DEMO, question, (200, 100))


def test_a_location_beyond_the_last_is_told_the_range() -> None:
    question = question_of(asking("<REGION_TO_OCR><loc_0><loc_0><loc_9><loc_1000>"))
    with pytest.raises(InvalidSubmissionError, match="n from 0 to 999"):
        translation_of(DEMO, question, (200, 100))


def test_words_that_a_task_does_not_read_are_ignored_and_told() -> None:
    translation = translation_of(DEMO, question_of(asking("<OD> please")), None)
    assert translation.input == {"image": URL, "task": "<OD>"}
    assert [each.parameter for each in translation.warnings] == ["messages"]


def test_free_text_is_answered_with_plain_names_too() -> None:
    with pytest.raises(InvalidSubmissionError, match="try caption"):
        question_of(asking("What is in this picture?"))


def test_instructions_are_no_task_where_the_user_s_text_is_empty() -> None:
    instructions: Json = {"role": "system", "content": "<CAPTION>"}
    with pytest.raises(InvalidSubmissionError, match="the user's text is empty"):
        question_of([instructions, *asking("")])
