"""Prompts against a word list: whole words, in plain and in disguised spelling."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from structlog.testing import capture_logs

from workers.adapters.protocol import RequestModeratedError
from workers.moderation.content_filter import Subject
from workers.moderation.text_forms import normalised, skeleton
from workers.moderation.word_list import WordList, WordListError, read_word_list

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


DISGUISES = {
    "variation selector": "go\ufe0fre",
    "variation selector of a supplement": "go\U000e0101re",
    "grapheme joiner": "go\u034fre",
    "Hangul filler": "go\u3164re",
    "half-width Hangul filler": "go\uffa0re",
    "Hangul choseong filler": "go\u115fre",
    "Khmer inherent vowel": "go\u17b4re",
    "Mongolian vowel separator": "go\u180ere",
    "tag": "go\U000e0067re",
    "word joiner": "go\u2060re",
    "blank of Braille": "go\u2800re",
    "marks": "g\u0301o\u0308r\u0332e\u20dd",
    "composed marks": "\u01f5\u00f6\u0155\u00e9",
    "stroke": "g\u00f8re",
    "Cyrillic o": "g\u043ere",
    "Cyrillic o and e, capital": "G\u041eR\u0415",
    "Greek omicron": "g\u03bfre",
    "Greek capitals": "G\u039fR\u0395",
    "Armenian o": "g\u0585re",
    "script g": "\u0261ore",
    "small capitals": "\u0262\u1d0f\u0280\u1d07",
    "mathematical": "\U0001d420\U0001d428\U0001d42b\U0001d41e",
    "circles": "\u24d6\u24de\u24e1\u24d4",
    "black squares": "\U0001f176\U0001f17e\U0001f181\U0001f174",
    "flags": "\U0001f1ec\U0001f1f4\U0001f1f7\U0001f1ea",
    "digits": "g0r3",
    "spaces": "g o r e",
    "many spaces": "so  g   o  r   e now",
    "ideographic spaces": "g\u3000o\u3000r\u3000e",
    "dots": "g.o.r.e",
    "hyphen": "go-re",
    "asterisks": "go**re",
    "underlines and spaces": "g _ o _ r _ e",
    "zero-width spaces": "g\u200bo\u200br\u200be",
    "direction": "g\u202eo\u202cre",
}


@pytest.mark.parametrize("prompt", DISGUISES.values(), ids=DISGUISES)
def test_a_disguised_word_is_refused(prompt: str) -> None:
    assert refused(prompt)
    assert refused(f"some {prompt}, please")


@pytest.mark.parametrize(
    ("prompt", "lines"),
    [
        ("a view of Scunthorpe", ["cunt"]),
        ("a classic glass of grass", ["ass"]),
        ("Penistone, Essex and Middlesex", ["penis", "sex"]),
        ("a pen is on the table", ["penis"]),
        ("the rapist's therapist", ["penis"]),
        ("a tall wall", ["tail"]),
        ("plan b or c", ["boc", "bor"]),
        ("in 1305 and 50 more", ["so", "ieos"]),
        ("R. F. and J. K.", ["fj"]),
        ("as is", ["asis"]),
        ("нет войне", ["hem"]),
        ("a tree, a sea, green", ["gore"]),
    ],
)
def test_a_word_inside_of_others_or_made_of_their_ends_passes(
    prompt: str, lines: list[str]
) -> None:
    assert not refused(prompt, lines)


@pytest.mark.parametrize("prompt", ["НЕТ", "нет", "Нет"])  # noqa: RUF001 - Russian
def test_a_word_of_another_script_is_found_in_either_case(prompt: str) -> None:
    assert refused(prompt, ["Нет"])
    assert refused("ΝΑΙ", ["ναι"])  # noqa: RUF001 - Greek


def test_a_mark_that_is_a_vowel_is_kept() -> None:
    assert skeleton("कि") == "कि" != skeleton("कु")


def test_a_pattern_is_searched_for_in_the_skeleton_too() -> None:
    assert refused("n\u0443dity \u0430nd nud\u0435")


def test_a_pattern_that_would_take_forever_ends_in_time_and_refuses() -> None:
    began = time.process_time()
    with capture_logs() as logs:
        assert refused("a" * 5_000 + "!", ["# slow", "/(a+)+$/", "/(a|a)*b/"])
    assert time.process_time() - began < 10
    assert logs[0]["event"] == "word_list_pattern_too_slow"
    assert (logs[0]["line"], logs[0]["job_id"]) == (2, "job_1")
    assert "aaa" not in str(logs)


@pytest.mark.parametrize("filler", ["1", ".", "a.", "a ", "\u0301", "\u200b", "@", "a1"])
def test_the_forms_of_a_long_text_take_no_time(filler: str) -> None:
    began = time.process_time()
    assert not refused(filler * 20_000)
    assert time.process_time() - began < 10


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


@given(st.text())
def test_a_skeleton_of_a_skeleton_differs_in_no_letter(text: str) -> None:
    once = skeleton(text)
    assert skeleton(once) == skeleton(skeleton(once))


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
