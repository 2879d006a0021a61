"""Messages of pydantic have no Python words."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import core_schema

from api.schemas.timestamps import Timestamp
from db.core.plain_words import FORMS, SENTENCES, UNUSED, message_of
from workers import catalog


class _Fields(BaseModel):
    pair: tuple[int, ...] = Field((), min_length=1, max_length=2)
    facts: dict[str, int] = {}
    side: int = Field(1, le=4)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pair": [1, 2, 3]}, "takes 2 entries at most, not 3"),
        ({"pair": []}, "takes 1 entry at least"),
        ({"pair": 7}, "should be a list: [value, …]"),
        ({"facts": 7}, 'should be an object: {"name": value, …}'),
        ({"side": 5}, "should be at most 4"),
    ],
)
def test_words_are_those_of_json(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _Fields.model_validate(fields)
    assert [message_of(dict(each)) for each in caught.value.errors()] == [message]


def test_every_type_of_error_has_a_sentence_or_a_reason() -> None:
    known = get_args(core_schema.ErrorType)
    assert SENTENCES.keys() & UNUSED.keys() == set()
    assert SENTENCES.keys() | UNUSED.keys() == set(known)


@pytest.mark.parametrize("kind", sorted(SENTENCES))
def test_no_sentence_has_words_of_python(kind: str) -> None:
    context = {
        **dict.fromkeys(("gt", "ge", "lt", "le", "multiple_of", "max_length", "min_length"), 1),
        **dict.fromkeys(("max_digits", "decimal_places", "whole_digits"), 1),
        "expected": "'png', 'jpeg' or 'webp'",
        "pattern": "^[a]{3}$",
        "error": "give another one",
        "class_name": "_Fields",
    }
    for value in ("7", None, 7.5, float("inf"), ["x"]):
        error = {"type": kind, "loc": ("body", "input", "x"), "input": value, "ctx": context}
        said = message_of({**error, "msg": "Input should be a valid _Fields"})
        assert not PYTHON.search(said), said


PYTHON = re.compile(
    r"<class|tuple|dict|extract|pattern|Input|_Fields|valid|None|True|False|string|boolean"
    r"|integer|instance|parse|\^|\\d"
)


class _Moments(BaseModel):
    at: Timestamp | None = None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-11-30T00:00:00 02:00", "%2B"),
        ("2026-11-30T00:00 0200", "%2B"),
        ("2026-13-30T00:00:00Z", "ISO 8601"),
        ("2026-11-30T25:00:00Z", "ISO 8601"),
        ("yesterday", "ISO 8601"),
        ("1764460800", "ISO 8601"),
    ],
)
def test_a_time_that_cannot_be_read_is_told_with_one_that_can(text: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _Moments.model_validate({"at": text})
    message = message_of(dict(caught.value.errors()[0]))
    assert said in message
    assert not PYTHON.search(message)


def test_an_error_of_our_own_keeps_its_sentence() -> None:
    error = {"type": "missing", "loc": ("image",), "msg": "x", "ctx": {"message": "give a picture"}}
    assert message_of(error) == "give a picture"
    assert message_of({"type": "too_long", "loc": (), "msg": "too many bytes"}) == "too many bytes"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (("body",), "send a JSON object"),
        ((), "send a JSON object"),
        (("body", "input", "prompt"), "give a prompt"),
        (("body", "input", "image"), "give an image"),
        (("body", "webhook", "url"), "give a url"),
        (("body", "loras", 0, "source"), "give a source"),
    ],
)
def test_what_is_missing_is_named(place: tuple[str | int, ...], said: str) -> None:
    assert message_of({"type": "missing", "loc": place, "msg": "Field required"}) == said


def test_every_pattern_of_a_model_has_a_sentence() -> None:
    schemas = [catalog.json_schema(variant) for variant in catalog.installed().variants()]
    found = {pattern for each in schemas for pattern in patterns(each)}
    assert found
    assert found - FORMS.keys() == set()


def patterns(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            yield value["pattern"]
        value = list(value.values())
    for each in value if isinstance(value, list) else ():
        yield from patterns(each)
