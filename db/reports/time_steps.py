"""Counts per step of time, and the depth of a queue at the end of each step."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class StepCounts:
    """One queue's counts by event, and the longest wait in each step, in seconds."""

    number: int
    counts: dict[str, list[int]] = field(init=False)
    longest: list[float | None] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = defaultdict(lambda: [0] * self.number)
        self.longest = [None] * self.number


def depths(now: int, arrived: Sequence[int], left: Sequence[int]) -> list[int]:
    """The depth of a queue at the end of each step, counted back from now.

    Args:
        now: jobs that wait at the end of the last step.
        arrived: jobs that were submitted within each step.
        left: jobs that were started, or ended without a start, within each step.

    Example: 3 wait now, (2, 4) arrived and (1, 2) left: (1, 3), since the last step added 2.
    """
    depths_back = []
    for added, removed in zip(reversed(arrived), reversed(left), strict=True):
        depths_back.append(max(0, now))
        now -= added - removed
    return depths_back[::-1]
