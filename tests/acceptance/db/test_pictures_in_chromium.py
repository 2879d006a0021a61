"""Pictures as models get them, beside what Chromium shows of the same files."""

from collections.abc import Iterator, Sequence

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Browser

from db.values.pictures import decode
from tests.acceptance.api.web.browser import chromium
from tests.support.picture_corpus.browser import shown_pictures
from tests.support.picture_corpus.case import Case
from tests.support.picture_corpus.corpus import EXCEPTIONS, MAX_DIFFERENCE, PARTS

SAMPLE = 8
"""Of so many pictures, `make test` judges one."""

ENTIRELY = 255.0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def difference(ours: Image.Image, shown: Image.Image | None) -> float:
    """The mean difference of all samples, in levels."""
    if shown is None or shown.size != ours.size:
        return ENTIRELY
    return sum(ImageStat.Stat(ImageChops.difference(ours, shown)).mean) / 3


def differences(browser: Browser, cases: Sequence[Case]) -> dict[str, float]:
    shown = shown_pictures(browser, [case.shown or case.data for case in cases])
    return {
        case.title: round(difference(decode(case.data), each), 2)
        for case, each in zip(cases, shown, strict=True)
    }


def test_a_sample_of_the_corpus_is_what_a_browser_shows(browser: Browser) -> None:
    cases = [case for part in PARTS.values() for case in list(part())[::SAMPLE]]
    found = differences(browser, cases)
    beyond = {title: each for title, each in found.items() if each >= MAX_DIFFERENCE}
    assert {title: each for title, each in beyond.items() if title not in EXCEPTIONS} == {}


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_every_picture_is_what_a_browser_shows_but_the_listed_exceptions(
    browser: Browser, part: str
) -> None:
    found = differences(browser, list(PARTS[part]()))
    beyond = {title: each for title, each in found.items() if each >= MAX_DIFFERENCE}
    assert beyond.keys() == found.keys() & EXCEPTIONS.keys(), beyond


@pytest.mark.slow
def test_the_corpus_is_large_and_its_titles_are_unique() -> None:
    titles = [case.title for part in PARTS.values() for case in part()]
    assert len(titles) >= 300
    assert len(set(titles)) == len(titles)
    assert EXCEPTIONS.keys() <= set(titles)
