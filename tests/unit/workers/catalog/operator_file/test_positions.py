"""Lines of keys, in every notation of TOML."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.catalog.operator_file.faults import Where, key_text
from workers.catalog.operator_file.positions import Positions

TEXT = '''# a comment
first = 1
[models."flux.1-dev"]   # a header
price = { per_image = 0.004, "two words" = [1, 2] }
licence.name = """
not = "a key"
"""
"b\\u0061se" = 'x'
loras = [
  { file = "a" },   # one
  # { file = "none" },
  { file = "b", scale = 1 },
]
  [models.other.deep]
  key = 2026-01-01T00:00:00Z
[[models.other.list]]
file = "a"
[models.other.list.inner]
x = 1

[[models.other.list]]
file = """b"""
'''


@pytest.mark.parametrize(
    ("where", "line"),
    [
        (("first",), 2),
        (("models",), 3),
        (("models", "flux.1-dev"), 3),
        (("models", "flux.1-dev", "price", "per_image"), 4),
        (("models", "flux.1-dev", "price", "two words", 1), 4),
        (("models", "flux.1-dev", "licence", "name"), 5),
        (("models", "flux.1-dev", "base"), 8),
        (("models", "flux.1-dev", "loras", 0, "file"), 10),
        (("models", "flux.1-dev", "loras", 1, "scale"), 12),
        (("models", "other"), 14),
        (("models", "other", "deep", "key"), 15),
        (("models", "other", "list", 0, "file"), 17),
        (("models", "other", "list", 0, "inner", "x"), 19),
        (("models", "other", "list", 1), 21),
        (("models", "other", "list", 1, "file"), 22),
    ],
)
def test_the_line_of_a_key(where: Where, line: int) -> None:
    assert Positions(TEXT).lines[where] == line


def test_a_key_that_is_missing_has_the_line_of_its_table() -> None:
    assert Positions(TEXT).line(("models", "flux.1-dev", "weights", "repo")) == 3
    assert Positions(TEXT).line(("nothing",)) is None


def test_keys_are_written_as_toml_does() -> None:
    assert key_text(("models", "flux.1-dev", "loras", 0)) == 'models."flux.1-dev".loras[1]'


_KEYS = st.sampled_from(["a", "b-1", '"q.1"', "'l i'", "c.d", '"\\u0061x"', "e"])
_PLAIN = st.sampled_from(["1", "1.5", "true", '"x"', "'y'", '"""\nm\n"""', "[1, 2]", "1979-05-27"])
_TABLES = st.lists(st.tuples(_KEYS, _PLAIN), max_size=3).map(
    lambda pairs: "{ " + ", ".join(f"{key} = {value}" for key, value in pairs) + " }"
)
_VALUES = st.one_of(
    _PLAIN, _TABLES, st.lists(_TABLES, max_size=3).map(lambda each: f"[\n{', '.join(each)}, ]")
)
_LINES = st.one_of(
    st.tuples(_KEYS, _VALUES).map(" = ".join),
    _KEYS.map("[{}]".format),
    _KEYS.map("[[{}]]".format),
    st.just("# comment"),
)


@settings(deadline=None)
@given(st.lists(_LINES, max_size=12))
def test_every_key_of_any_document_has_a_line(lines: list[str]) -> None:
    text = "\n".join(lines)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    positions = Positions(text)
    for where in _keys_of(document):
        assert where in positions.lines, (where, text)
    assert set(positions.lines.values()) <= set(range(1, text.count("\n") + 2))


def _keys_of(value: Any, where: Where = ()) -> Iterator[Where]:
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, each in inner:
        yield (*where, key)
        yield from _keys_of(each, (*where, key))
