"""Comparison of validators by RFC 9110."""

import pytest

from api.core.protocol.validators import is_current, is_same

CURRENT = [
    ['"x"'],
    ['W/"x"'],
    ["*"],
    [" * "],
    ['"a,b", "x"'],
    ['"a"', 'W/"x"'],
    ['"a" , W/"b",W/"x"'],
    ['"a",,"x",'],
    ["*", '"a"'],
]
CHANGED = [[], [""], ["x"], ['"X"'], ['"*"'], ['"x'], ['w/"y"'], ['"a"', '"b"'], ['"a,x,b"']]


@pytest.mark.parametrize("etag", ['"x"', 'W/"x"'])
def test_tags_are_compared_weakly(etag: str) -> None:
    assert all(is_current(etag, lines) for lines in CURRENT)
    assert not any(is_current(etag, lines) for lines in CHANGED)


def test_a_range_needs_a_strong_tag() -> None:
    assert is_same('"x"', '"x"')
    assert not is_same('W/"x"', 'W/"x"')
    assert not is_same('"x"', 'W/"x"')
    assert not is_same('"x"', "Wed, 21 Oct 2026 07:28:00 GMT")
