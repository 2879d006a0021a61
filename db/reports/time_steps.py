"""Counts by step of time, and what a queue held at the end of each."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Steps:
    """One queue's counts, by what happened; and the longest wait seen in each step, seconds."""

    number: int
    counts: dict[str, list[int]] = field(init=False)
    longest: list[float | None] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = defaultdict(lambda: [0] * self.number)
        self.longest = [None] * self.number


def depths(now: int, arrived: Sequence[int], left: Sequence[int]) -> list[int]:
    """How many waited at the end of each step, from how many wait now, counted back.

    Args:
        now: how many wait at the end of the last step.
        arrived: jobs that came within each step.
        left: jobs that were begun, or ended unbegun, within each step.

    Example: 3 wait now, (2, 4) came and (1, 2) left: (1, 3), since the last step added 2.
    """
    found = []
    for came, went in zip(reversed(arrived), reversed(left), strict=True):
        found.append(max(0, now))
        now -= came - went
    return found[::-1]
