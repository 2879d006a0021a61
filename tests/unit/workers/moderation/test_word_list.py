"""Prompts against a word list: whole words, in plain and in disguised spelling."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from workers.adapters.protocol import RequestModeratedError
from workers.moderation.content_filter import Subject
from workers.moderation.word_list import WordList, WordListError, normalised, read_word_list

SUBJECT = Subject("job_1", "flux.1-demo", "free")
LIST = ["# a comment", "", "gore", "Red Circle", "o'clock", "straße", r"/\bnud(e|ity)\b/", "/蛇/"]


def refused(prompt: str, lines: list[str] = LIST) -> bool:
    """True when a list refuses a prompt."""
    try:
        WordList(lines, "").check_prompt(prompt, SUBJECT)
    except RequestModeratedError:
        return True
    return False


def test_the_reason_is_the_operators_and_quotes_no_word() -> None:
    with pytest.raises(RequestModeratedError) as caught:
        WordList(LIST, "not allowed here").check_prompt("gore", SUBJECT)
    assert str(caught.value) == "the request was refused by a content filter: not allowed here"


@pytest.mark.parametrize(
    "prompt",
    [
        *("gore", "GORE", "much gore.", "blood/gore", "(gore)", "no_gore_here"),
        *("go\u200bre", "go\u00adre", "g\u2060ore", "\uff47\uff4f\uff52\uff45"),
        *(
            "a red circle",
            "a RED   CIRCLE",
            "red\ncircle",
            "red, circle",
            "red-circle",
            "red_circle",
        ),
        *("five o'clock", "five O’CLOCK", "o clock"),  # noqa: RUF001 - as people type it
        *("die Straße", "die STRASSE"),
        *("nudity", "a Nude", "eine 蛇 hier", "大蛇丸"),
    ],
)
def test_what_is_listed_is_refused_however_it_is_written(prompt: str) -> None:
    assert refused(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        *("", "a cat", "Gorey", "gores", "allegoregory", "a red blue circle", "circle red"),
        *("redcircle", "a comment", "denuded", "#", "red", "circle"),
    ],
)
def test_what_is_not_listed_passes(prompt: str) -> None:
    assert not refused(prompt)


def test_a_long_prompt_against_a_long_list_takes_no_time() -> None:
    words = [f"word{n}" for n in range(20_000)]
    assert not refused("harmless " * 500, words)
    assert refused("harmless " * 500 + "word19999", words)


@settings(max_examples=40)
@given(st.text(), st.text())
def test_a_listed_word_is_found_between_any_other_text(before: str, after: str) -> None:
    assert refused(f"{before} gore {after}")


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "holds no word"),
        (["# nothing"], "holds no word"),
        (["fine", "c++"], "line 2 holds more than words"),
        (["a.b"], "line 1 holds more"),
        (["***"], "line 1 holds more"),
        (["/(secret/"], "line 1 is not a regular expression"),
    ],
)
def test_a_list_that_means_nothing_is_refused_by_line_without_quoting_it(
    lines: list[str], said: str
) -> None:
    with pytest.raises(WordListError, match=said) as caught:
        WordList(lines, "")
    assert not any(line in str(caught.value) for line in lines[-1:])


def test_a_list_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("# häßlich\nhäßlich\n", encoding="utf-8")
    with pytest.raises(RequestModeratedError):
        read_word_list(path, "").check_prompt("so HÄSSLICH", SUBJECT)
    for broken in (tmp_path / "nowhere.txt", tmp_path):
        with pytest.raises(WordListError, match="cannot be read"):
            read_word_list(broken, "")


def test_pictures_are_beyond_it() -> None:
    WordList(LIST, "").check_input(Image.new("RGB", (8, 8)), SUBJECT)
    WordList(LIST, "").check_picture(Image.new("RGB", (8, 8)), SUBJECT)
