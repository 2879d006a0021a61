"""Names with brackets in forms, as OpenAI's clients write objects and lists."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.compat.openai.form import fields_of
from api.compat.openai.image_fields import ImageFields
from api.core.protocol.slips import noting
from db.core.plain_words import message_of


@pytest.mark.parametrize(
    ("pairs", "fields"),
    [
        ([("prompt", "a"), ("n", "2")], {"prompt": "a", "n": "2"}),
        (
            [("metadata[team]", "a"), ("metadata[run]", "b")],
            {"metadata": {"team": "a", "run": "b"}},
        ),
        (
            [("webhook[url]", "u"), ("webhook[events][]", "x"), ("webhook[events][]", "y")],
            {"webhook": {"url": "u", "events": ["x", "y"]}},
        ),
        (
            [("loras[][source]", "a"), ("loras[][scale]", "1"), ("loras[][source]", "b")],
            {"loras": [{"source": "a", "scale": "1"}, {"source": "b"}]},
        ),
        (
            [("loras[0][source]", "a"), ("loras[1][source]", "b")],
            {"loras": [{"source": "a"}, {"source": "b"}]},
        ),
        ([("image", "a"), ("image", "b")], {"image": ["a", "b"]}),
        ([("image[]", "a"), ("image[]", "b")], {"image": ["a", "b"]}),
        ([("a[b", "1"), ("]c", "2")], {"a[b": "1", "]c": "2"}),
        ([("a", "1"), ("a[b]", "2")], {"a": {"b": "2"}}),
        ([("a[b][c][d][e]", "1")], {"a[b][c][d][e]": "1"}),
    ],
)
def test_brackets_stand_for_objects_and_lists(
    pairs: list[tuple[str, str]], fields: dict[str, Any]
) -> None:
    assert fields_of(pairs) == fields


NAMES = st.lists(st.sampled_from(["a", "b", "[", "]", "[]", "[a]", "[0]"]), min_size=1, max_size=8)


@given(st.lists(NAMES.map("".join), max_size=12))
def test_any_names_stand_for_fields(names: list[str]) -> None:
    assert isinstance(fields_of([(name, "x") for name in names]), dict)


@pytest.mark.parametrize(
    ("text", "seed"),
    [("1e3", 1000), ("7.0", 7), ("70e-1", 7), ("9007199254740993.0", 2**53 + 1), (" 12 ", 12)],
)
def test_whole_numbers_may_be_spelled_as_json_spells_them(text: str, seed: int) -> None:
    assert ImageFields.model_validate({"seed": text}).seed == seed


@pytest.mark.parametrize("text", ["1e999", "7.5", "1e-3", "1e99999999", "0x10", "seven"])
def test_text_that_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        ImageFields.model_validate({"seed": text})


@pytest.mark.parametrize(
    ("text", "told"),
    [('{"a": NaN}', "NaN is no number"), ('{"a": 1,}', "line 1, column 9"), ("[1", "unfinished")],
)
def test_broken_json_in_a_text_part_is_told_with_its_fault(text: str, told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ImageFields.model_validate({"metadata": text})
    assert told in message_of(caught.value.errors()[0])


def test_slips_of_a_text_part_are_noted() -> None:
    with noting() as slips:
        ImageFields.model_validate({"metadata": '{"a": "1", "a": "2"}'})
    assert [slip.name for slip in slips] == ["a"]
