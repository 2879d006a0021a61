"""Loops that run side by side end together."""

import threading

import pytest

from workers.courier.process import run_loops


def wait_for_stop(stopping: threading.Event) -> None:
    """A loop that only waits for its end."""
    assert stopping.wait(30)


def test_all_end_when_told() -> None:
    stopping = threading.Event()
    stopping.set()
    run_loops(stopping, wait_for_stop, wait_for_stop)


def test_one_that_fails_ends_the_others_and_is_heard_of() -> None:
    def broken(_stopping: threading.Event) -> None:
        raise RuntimeError("broken")

    stopping = threading.Event()
    with pytest.raises(RuntimeError, match="broken"):
        run_loops(stopping, wait_for_stop, broken)
    assert stopping.is_set()
