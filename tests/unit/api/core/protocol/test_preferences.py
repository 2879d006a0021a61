"""Preferences of `Prefer`, by the grammar of RFC 7240."""

import pytest

from api.core.protocol.preferences import preferences, preferred_wait


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        ([], 0),
        ([""], 0),
        (["respond-async"], 0),
        (["wait=10"], 10),
        (["WAIT=10"], 10),
        (['wait="10"'], 10),
        (["wait = 10"], 10),
        (["respond-async, wait=10"], 10),
        (["respond-async; wait=10"], 0),
        (["wait=10, respond-async"], 10),
        (["wait=10; reason=slow"], 10),
        (["wait; reason=slow"], 60),
        (["wait"], 60),
        (['wait=""'], 60),
        (["wait="], 60),
        (["wait = "], 60),
        (["wait=, respond-async"], 60),
        (["wait=; reason=slow"], 60),
        (["wait==5"], 0),
        (["wait= ; reason=slow, wait=5"], 60),
        (["foo=, wait=5"], 5),
        (["wait, wait=5"], 60),
        (["wait=5", "wait=7"], 5),
        (["respond-async", "wait=30"], 30),
        (["foo, bar", 'baz="x, wait=9"', "wait=3"], 3),
        (['quoted="wait=5"'], 0),
        (["wait=999"], 60),
        (["wait=0"], 0),
        (["wait=-5"], 0),
        (["wait=abc"], 0),
        (["wait=1.5"], 0),
        (["await=10"], 0),
        (["x-wait=10"], 0),
        (["wait=99999999999999999999"], 60),
        (["wait=٣"], 0),
        (['wait="5'], 0),
    ],
)
def test_a_preferred_wait_is_read_and_bounded(lines: list[str], seconds: float) -> None:
    assert preferred_wait(lines, longest=60) == seconds


def test_preferences_of_all_lines_are_read() -> None:
    lines = ['Foo; x="a, b"; y', "", ' handling = lenient ,, return="mini\\"mal" ', "=5, wait=1"]
    assert preferences(lines) == {
        "foo": "",
        "handling": "lenient",
        "return": 'mini"mal',
        "wait": "1",
    }
