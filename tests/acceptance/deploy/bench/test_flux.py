"""`bottega bench flux`: it shows every figure, and every picture is the stock pipeline's."""

import json

import pytest

from tests.acceptance.stack import run_bottega

FLUX_FIGURES = {
    "load_before",
    *(f"batch_{size}_pictures_per_second" for size in (1, 4)),
    "batch_4_ratio",
    *(f"prompt_{state}_p50_seconds" for state in ("encoded", "kept")),
    "prompt_cache_ratio",
    *(f"{who}_pictures_per_second" for who in ("service", "bare", "adapter")),
    *(f"service_over_{who}_ratio" for who in ("bare", "adapter")),
    "pictures_as_bare_fraction",
    "device_idle_fraction",
    "device_idle_window_seconds",
}


@pytest.mark.bench
@pytest.mark.timeout(300)
def test_a_quick_run_of_flux_measures_everything_and_no_picture_differs() -> None:
    done = run_bottega("bench", "flux", "--quick", "--json", seconds=280)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    figures = shown["figures"]
    assert set(figures) == FLUX_FIGURES
    assert all(value > 0 for name, value in figures.items() if name != "device_idle_fraction")
    assert 0 <= figures["device_idle_fraction"] < 1
    assert figures["pictures_as_bare_fraction"] == 1
    assert set(shown["goals"]) == {"device_idle_fraction"}
