"""Texts of more tokens than a Florence-2 reads are refused, not accepted and failed."""

import pytest
from pydantic import ValidationError

from workers.catalog import find

MODELS = {"florence-2-demo": 165, "florence-2-base": 437, "florence-2-large-ft": 437}


@pytest.mark.parametrize(("model", "most"), MODELS.items())
@pytest.mark.parametrize("task", ["caption_to_phrase_grounding", "open_vocabulary_detection"])
@pytest.mark.parametrize("word", ["a ", "3 ", "a-", "кот ", "( "])
def test_a_text_of_more_words_than_tokens_is_refused(
    model: str, most: int, task: str, word: str
) -> None:
    read = find(model).parameters
    per_word = 2 if word == "a-" else 1
    fits = (word * (most // per_word)).strip()
    assert read(image="a", task=task, text=fits)
    with pytest.raises(ValidationError, match=f"this model reads {most}"):
        read(image="a", task=task, text=f"{fits} a a")


def test_signs_within_a_word_are_not_counted_twice() -> None:
    read = find("florence-2-demo").parameters
    assert read(image="a", task="caption_to_phrase_grounding", text="it's " * 82)


def test_a_list_is_as_long_as_its_joined_text() -> None:
    read = find("florence-2-demo").parameters
    with pytest.raises(ValidationError, match="this model reads 165"):
        read(image="a", task="open_vocabulary_detection", text=["red circle " * 2] * 40)


def test_the_limit_is_in_the_description() -> None:
    schema = find("florence-2-demo").parameters.model_json_schema()
    assert "At most 165 tokens" in schema["properties"]["text"]["description"]
