"""The table of states: complete, and the diagram's arrows and no others."""

from db.values.job_state import (
    ACTIVE,
    PRIORITY_FACTOR,
    TERMINAL,
    TRANSITIONS,
    JobState,
    Priority,
    sources_of,
)


def test_every_state_has_its_line_in_the_table() -> None:
    assert set(TRANSITIONS) == set(JobState)


def test_the_arrows_are_those_of_the_design() -> None:
    arrows = {(str(a), str(b)) for a, following in TRANSITIONS.items() for b in following}
    assert arrows == {
        ("queued", "running"),
        ("queued", "canceled"),
        ("queued", "expired"),
        ("running", "succeeded"),
        ("running", "failed"),
        ("running", "canceled"),
        ("running", "queued"),
    }


def test_a_job_is_either_active_or_over_for_good() -> None:
    assert set(ACTIVE) == {JobState.QUEUED, JobState.RUNNING}
    assert {str(state) for state in TERMINAL} == {"succeeded", "failed", "canceled", "expired"}
    assert not any(TRANSITIONS[state] for state in TERMINAL)


def test_sources_are_the_arrows_read_backwards() -> None:
    for target in JobState:
        assert sources_of(target) == {s for s in JobState if target in TRANSITIONS[s]}


def test_every_end_can_be_reached_from_the_beginning() -> None:
    reached, front = set(), {JobState.QUEUED}
    while front:
        reached |= front
        front = {following for state in front for following in TRANSITIONS[state]} - reached
    assert reached == set(JobState)


def test_priorities_are_listed_from_low_to_high() -> None:
    factors = [PRIORITY_FACTOR[priority] for priority in Priority]
    assert factors == sorted(factors)
    assert PRIORITY_FACTOR[Priority.NORMAL] == 1
