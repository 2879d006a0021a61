"""The load of a model is told in the worker's row and in its log."""

import pytest
from structlog.testing import capture_logs

from tests.support.waiting import await_true
from workers.adapters import load_progress
from workers.adapters.load_progress import LoadStage
from workers.runtime.models import load_log
from workers.runtime.models.load_log import LoadFigures, load_figures, telling_load


@pytest.fixture(autouse=True)
def _nothing_is_loaded() -> None:
    load_progress.end()


def test_nobody_counts_but_the_memory_that_is_taken() -> None:
    assert load_figures(0.3) == LoadFigures(0.3)
    load_progress.begin(LoadStage.PREPARING)
    assert load_figures(0.3) == LoadFigures(0.3, "preparing")


def test_a_download_counts_its_bytes() -> None:
    load_progress.begin(LoadStage.DOWNLOADING, 200)
    load_progress.advance(60)
    load_progress.advance(-10)
    assert load_figures(0.9) == LoadFigures(0.25, "downloading", 50, 200)


def test_a_loader_that_counts_nothing_is_judged_by_its_memory() -> None:
    load_progress.begin(LoadStage.LOADING, 200)
    assert load_figures(0.4) == LoadFigures(0.4, "loading", 80, 200)
    load_progress.advance(20)
    assert load_figures(0.4) == LoadFigures(0.1, "loading", 20, 200)


def test_a_long_load_is_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_log, "LOG_SECONDS", 0.01)
    with capture_logs() as lines, telling_load("flux.1-dev"):
        load_progress.begin(LoadStage.DOWNLOADING, 2_000_000_000)

        def is_told() -> bool:
            load_progress.advance(1_000_000)
            return any("per_second" in line for line in lines)

        assert await_true(is_told)
    told = next(line for line in lines if "per_second" in line)
    assert (told["event"], told["variant"], told["stage"], told["total"]) == (
        "variant_loading",
        "flux.1-dev",
        "downloading",
        "2.0 GB",
    )
    assert load_progress.current() is None


def test_a_load_that_fails_is_forgotten_too() -> None:
    with pytest.raises(ValueError, match="broken"), telling_load("flux.1-dev"):
        raise ValueError("broken")
    assert load_progress.current() is None
