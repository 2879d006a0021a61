"""Figures that are to be compared, measured in turns: what disturbs one disturbs them all."""

import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


def medians(rounds: int, contenders: Mapping[K, Callable[[], float]]) -> dict[K, float]:
    """The median of each contender's figures, one from each of so many rounds."""
    seen: dict[K, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            seen[name].append(measure())
    return {name: statistics.median(figures) for name, figures in seen.items()}


def seconds_of(action: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
