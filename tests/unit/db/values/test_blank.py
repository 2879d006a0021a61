"""Blank text: all that shows nothing, by Unicode's own property."""

import sys

import pytest
import regex

from db.values.blank import is_blank

IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}|\s")


def test_every_character_that_unicode_ignores_is_blank() -> None:
    every = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    assert [hex(ord(each)) for each in every if IGNORABLE.match(each) and not is_blank(each)] == []


@pytest.mark.parametrize(
    "text",
    ["\u3164", "\u2800", "\uffa0", "\u115f", "\ufe0f", "\U000e0041", "\U0001d159", "\u200b "],
)
def test_characters_that_show_nothing_are_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", ["\u0600", "\u2801", "\u0301", "a\u3164", "\x00", "\u00b7", "。"])
def test_what_shows_something_is_not_blank(text: str) -> None:
    assert not is_blank(text)
