"""Identifiers: sortable, and not to be guessed."""

import re
import time

import pytest

from db.core.base import first_id, new_id


def test_an_id_is_its_prefix_and_twenty_six_digits_of_base_32() -> None:
    assert re.fullmatch(r"job_[0-9a-hjkmnp-tv-z]{26}", new_id("job"))


def test_ids_sort_by_the_time_of_their_making(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    # The last moment's id begins with a digit above the alphabet's middle: order must not wrap.
    for moment in (1, 31, 32, 1_024, 1_800_000_000_000, 1_800_000_000_001, 2**47):
        monkeypatch.setattr(time, "time_ns", lambda now=moment: now * 1_000_000)
        made.append(new_id("job"))
    assert made == sorted(made)


def test_the_first_id_of_a_moment_stands_before_its_ids_and_behind_those_of_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    milliseconds = 1_800_000_000_250
    monkeypatch.setattr(time, "time_ns", lambda: milliseconds * 1_000_000)
    assert new_id("job") >= first_id("job", milliseconds / 1000)
    monkeypatch.setattr(time, "time_ns", lambda: (milliseconds - 1) * 1_000_000)
    assert new_id("job") < first_id("job", milliseconds / 1000)


@pytest.mark.parametrize("at", [-62_135_596_800.0, 253_402_300_800.0])  # the years 1 and 9999
def test_the_first_id_of_any_time_is_an_id(at: float) -> None:
    assert re.fullmatch(r"job_[0-9a-hjkmnp-tv-z]{26}", first_id("job", at))


def test_ids_of_the_same_millisecond_differ_in_eighty_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_800_000_000_000_000_000)
    made = {new_id("job") for _ in range(2_000)}
    assert len(made) == 2_000
    assert len({name[:14] for name in made}) == 1  # job_ and the ten digits of the time
    assert all(len({name[place] for name in made}) == 32 for place in range(14, 30))
