"""Loads that fail: once for a batch, blocked for a while, and told to the operator."""

from collections.abc import Callable

import pytest

from tests.support.waiting import await_true
from tests.unit.workers.runtime.test_device import Listener, Model, batch_of
from workers.adapters.protocol import DeviceLostError, OutOfMemoryError
from workers.adapters.weights import WeightsError
from workers.runtime.device import Device
from workers.runtime.failures import failure_of
from workers.runtime.models.load_failures import FIRST_SECONDS, LAST_SECONDS, LoadFailures
from workers.runtime.models.load_watchdog import EXIT_LOAD_HANGS, LoadWatchdog
from workers.runtime.models.problems import ModelNotLoadedError, load_problem, problem_of

NAME = "flux.1-dev"


def failing(error: Exception, loads: list[str]) -> Callable[[str], None]:
    """A load that counts its calls and fails."""

    def make_ready(variant: str) -> None:
        loads.append(variant)
        raise error

    return make_ready


@pytest.mark.parametrize("error", [OutOfMemoryError("full"), RuntimeError("unforeseen")])
def test_a_load_that_fails_is_tried_once_for_the_whole_batch(error: Exception) -> None:
    loads: list[str] = []
    model = Model()
    outcomes, _ = Device(Listener(), failing(error, loads)).run(model, batch_of(4))
    assert outcomes == [error] * 4
    assert len(loads) == 1
    assert model.batches == []


def test_a_device_lost_while_loading_runs_no_other_batch() -> None:
    loads: list[str] = []
    device = Device(Listener(), failing(DeviceLostError("lost"), loads))
    device.run(Model(), batch_of(2))
    device.run(Model(), batch_of(2))
    assert device.has_failed
    assert len(loads) == 1


def test_a_failed_load_blocks_its_model_twice_as_long_each_time() -> None:
    now = [0.0]
    failures = LoadFailures(lambda: now[0])
    delays = []
    for _ in range(7):
        failures.record(NAME, WeightsError(f"{NAME}: no such file"))
        began = now[0]
        while failures.blocks(NAME):
            now[0] += 1
        delays.append(now[0] - began)
    assert delays[:3] == [FIRST_SECONDS, 2 * FIRST_SECONDS, 4 * FIRST_SECONDS]
    assert delays[-1] == LAST_SECONDS
    assert not failures.blocks("another")
    assert failures.problem == f"{NAME}: no such file"
    failures.forget(NAME)
    assert failures.problem is None


def test_the_owner_of_a_job_is_told_nothing_of_the_machine() -> None:
    error = LoadFailures().record(NAME, WeightsError(f"{NAME}: /secret/folder does not exist"))
    failure = failure_of(error)
    assert (failure.code, failure.retryable) == ("model_not_loaded", True)
    assert "secret" not in failure.message
    assert "secret" in error.problem


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OutOfMemoryError("the memory of cuda did not hold this batch"), "does not fit into the"),
        (MemoryError(), "does not fit into the host's memory"),
        (DeviceLostError("cuda failed"), "Xid"),
        (WeightsError(f"{NAME}: shard 2 is missing"), f"{NAME}: shard 2 is missing"),
        (ModuleNotFoundError("No module named 'gguf'"), "a library or file cannot be read"),
        (RuntimeError("size mismatch\nfor x"), f"{NAME}: RuntimeError: size mismatch for x"),
        (ValueError(), f"{NAME}: ValueError"),
    ],
)
def test_the_operator_is_told_in_one_sentence(error: Exception, sentence: str) -> None:
    problem = load_problem(NAME, error)
    assert sentence in problem
    assert NAME in problem
    assert "batch" not in problem


def test_a_long_text_is_clipped() -> None:
    assert len(problem_of(ValueError("x" * 9000))) == 1000


def watched(now: list[float], *, moves: bool) -> tuple[list[str], list[int]]:
    """The problems and statuses by which a watchdog ends a load, which it sees 20 times."""
    problems: list[str] = []
    statuses: list[int] = []
    looks = [0]

    def progress() -> tuple[str, int]:
        looks[0] += 1
        now[0] += 10
        return (NAME, looks[0] if moves else 0)

    watchdog = LoadWatchdog(
        progress,
        stall_seconds=60,
        on_stall=problems.append,
        every_seconds=0.001,
        exit_process=statuses.append,
        clock=lambda: now[0],
    )
    watchdog.start()
    assert await_true(lambda: looks[0] > 20 or bool(statuses))
    watchdog.stop()
    return problems, statuses


def test_a_load_that_does_not_move_ends_the_process() -> None:
    problems, statuses = watched([0.0], moves=False)
    assert statuses == [EXIT_LOAD_HANGS]
    assert "did not move for 60 s" in problems[0]


def test_a_load_that_moves_is_left_alone() -> None:
    assert watched([0.0], moves=True) == ([], [])


def test_no_limit_starts_no_watchdog() -> None:
    watchdog = LoadWatchdog(lambda: None, stall_seconds=0)
    watchdog.start()
    watchdog.stop()


def test_the_error_of_a_batch_keeps_its_reason() -> None:
    reason = WeightsError("gone")
    assert ModelNotLoadedError(NAME, "gone", reason).reason is reason
