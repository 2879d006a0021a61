"""Limits on JSON while it arrives, in any division into chunks."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.errors import ProblemError
from api.core.json_meter import JsonLimits, JsonMeter

LIMITS = JsonLimits(max_bytes=200, max_picture_chars=500, max_entries=20, max_depth=4)
PICTURE = "data:image/png;base64," + "A" * 477


def refusal(body: bytes, size: int = 10_000, limits: JsonLimits = LIMITS) -> str | None:
    """The code of the refusal of a body that arrives in chunks; None when it is accepted."""
    meter = JsonMeter(limits)
    try:
        for at in range(0, len(body), size):
            meter.feed(body[at : at + size])
    except ProblemError as problem:
        return problem.code
    return None


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"a": "x" * 180}, None),
        ({"a": "x" * 220}, "body_too_large"),
        ({"a": '\\"' * 40}, None),
        ({"a": '\\"' * 80}, "body_too_large"),
        ({"a": PICTURE, "b": [PICTURE, PICTURE]}, None),
        ({"a": "DATA" + PICTURE[4:]}, None),
        ({"a": PICTURE + "A"}, "body_too_large"),
        ({"a": "x" + PICTURE}, "body_too_large"),
        ({PICTURE: 1}, None),
        ([[[[]]]], None),
        ([[[[[]]]]], "invalid_input"),
        ({"a": "[[[[[[[[[,,,,,,,,,,,,,,,,,,,,,,,,,,"}, None),
        ([1] * 20, None),
        ([1] * 21, "invalid_input"),
        ({f"k{n}": {} for n in range(11)}, "invalid_input"),
        (9.5, None),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 7, 10_000])
def test_limits_hold_however_the_body_is_cut(value: Any, code: str | None, size: int) -> None:
    assert refusal(json.dumps(value).encode(), size) == code


def test_what_is_no_json_has_limits_too() -> None:
    assert refusal(b"[" * 5) == refusal(b"," * 21) == "invalid_input"
    assert refusal(b'"' * 90) == "invalid_input"
    assert refusal(b"\0" * 201) == "body_too_large"
    assert refusal(b"]" * 150) is None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.just(PICTURE),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(value=values, size=st.integers(1, 50))
def test_entries_and_depth_are_those_of_the_parsed_value(value: Any, size: int) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()
    wide = {"max_bytes": 10**6, "max_picture_chars": 500}
    depth = _depth(value)
    assert refusal(body, size, JsonLimits(**wide, max_depth=depth)) is None
    if depth:
        assert refusal(body, size, JsonLimits(**wide, max_depth=depth - 1)) == "invalid_input"


def _depth(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)
