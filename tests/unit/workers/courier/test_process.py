"""Loops that run side by side end together."""

import threading

import pytest

from workers.courier.process import run_together


def until_told(stopping: threading.Event) -> None:
    """A loop that does nothing but obey."""
    assert stopping.wait(30)


def test_all_end_when_told() -> None:
    stopping = threading.Event()
    stopping.set()
    run_together(stopping, until_told, until_told)


def test_one_that_fails_ends_the_others_and_is_heard_of() -> None:
    def broken(_stopping: threading.Event) -> None:
        raise RuntimeError("broken")

    stopping = threading.Event()
    with pytest.raises(RuntimeError, match="broken"):
        run_together(stopping, until_told, broken)
    assert stopping.is_set()
