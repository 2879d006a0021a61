"""Names with brackets in forms, as OpenAI's clients write objects and lists."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.compat.openai.form import fields_of


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
