"""Interleaved measurements: a disturbance of the machine then affects all candidates alike."""

import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


def interleaved_medians(rounds: int, candidates: Mapping[K, Callable[[], float]]) -> dict[K, float]:
    """Measure each candidate once per round, and take the median of each."""
    figures: dict[K, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, measure in candidates.items():
            figures[name].append(measure())
    return {name: statistics.median(values) for name, values in figures.items()}


def elapsed_seconds(action: Callable[[], object]) -> float:
    """Run an action, and return its time in seconds."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
