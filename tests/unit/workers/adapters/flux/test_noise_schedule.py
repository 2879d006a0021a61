from typing import Any

import numpy as np
import pytest

from workers.adapters.flux.pipeline_modes import LEAST_STRENGTH, noise_schedule
from workers.catalog import find
from workers.catalog.flux.parameters import FluxParameters


def parameters(steps: int, strength: float) -> FluxParameters:
    model: Any = find("flux.1-demo").parameters
    parsed: FluxParameters = model(prompt="a", image="key", steps=steps, strength=strength)
    return parsed


def levels(steps: int, strength: float) -> list[float]:
    """The noise levels that the pipelines use of a schedule."""
    schedule = noise_schedule(parameters(steps, strength))
    # diffusers' `get_timesteps`, which all pipelines share.
    skipped = int(max(steps - min(steps * schedule["strength"], steps), 0))
    used: list[float] = schedule["sigmas"][skipped:]
    return used


@pytest.mark.parametrize(
    ("steps", "strength", "expected"),
    [
        (1, 0.01, [0.01]),
        (1, 0.5, [0.5]),
        (2, 0.01, [0.01]),
        (2, 0.75, [0.75, 0.5]),
        (4, 0.3, [0.3, 0.25]),
        (4, 0.26, [0.26, 0.25]),
        (3, 0.9, [0.9, 2 / 3, 1 / 3]),
        (28, 0.05, [0.05, 1 / 28]),
        (50, 0.01, [0.01]),
        (4, 1e-9, [LEAST_STRENGTH]),
    ],
)
def test_denoising_starts_at_the_strength(
    steps: int, strength: float, expected: list[float]
) -> None:
    assert levels(steps, strength) == pytest.approx(expected)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7, 28, 50])
def test_a_strength_of_whole_steps_has_the_levels_of_the_pipelines(steps: int) -> None:
    for run in range(1, steps + 1):
        strength = run / steps
        own = np.linspace(1.0, 1 / steps, steps)[steps - run :].tolist()
        assert levels(steps, strength) == own
        # As people write it, rounded.
        if 0 < round(strength, 2) == pytest.approx(strength, abs=1e-9):
            assert levels(steps, round(strength, 2)) == own


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 12, 50])
def test_less_strength_never_starts_at_more_noise_and_steps_fall(steps: int) -> None:
    before = 0.0
    for strength in np.linspace(0.002, 1.0, 77).tolist():
        used = levels(steps, strength)
        assert used[0] > before
        assert used == sorted(used, reverse=True)
        assert len(used) == parameters(steps, strength).run_steps
        before = used[0]
