"""Calibration curves: what scores say beside what is right."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from workers.training.calibration.observations import Observation

BINS = 10

Scorer = Callable[[Observation], float]


@dataclass(frozen=True)
class Bin:
    """The observations whose scores lie between two tenths.

    Attributes:
        low: the lower end; scores of a bin are above it, but those of the first one.
        predicted: their mean score.
        observed: the share that is right.
        count: their number.
    """

    low: float
    predicted: float
    observed: float
    count: int


@dataclass(frozen=True)
class Curve:
    """The calibration curve of some observations; empty bins are left out."""

    bins: tuple[Bin, ...]

    @property
    def count(self) -> int:
        """The number of observations."""
        return sum(each.count for each in self.bins)

    @property
    def share_right(self) -> float:
        """The share that is right; 0 for none."""
        return sum(each.observed * each.count for each in self.bins) / max(self.count, 1)

    @property
    def error(self) -> float:
        """The expected calibration error: the mean distance of both, weighted by the counts."""
        gaps = (abs(each.predicted - each.observed) * each.count for each in self.bins)
        return sum(gaps) / max(self.count, 1)


def curve(observations: Iterable[Observation], scorer: Scorer) -> Curve:
    """The curve of ten equal bins.

    Args:
        observations: the observations.
        scorer: the score of each, 0 to 1.
    """
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for each in observations:
        score = scorer(each)
        number = max(0, min(BINS - 1, -int(-score * BINS // 1) - 1))
        bins[number].append((score, each.is_right))
    return Curve(tuple(_bin(number / BINS, pairs) for number, pairs in enumerate(bins) if pairs))


def _bin(low: float, pairs: Sequence[tuple[float, bool]]) -> Bin:
    scores, flags = zip(*pairs, strict=True)
    return Bin(low, fmean(scores), fmean(map(float, flags)), len(pairs))


def separation(observations: Sequence[Observation], scorer: Scorer) -> float | None:
    """The share of pairs of a right and a wrong one in which the right one has the higher score.

    It is 0.5 for scores that know nothing; pairs with equal scores count half. None where all are
    right, or all wrong.
    """
    ranked = sorted((scorer(each), each.is_right) for each in observations)
    right = sum(is_right for _, is_right in ranked)
    wrong = len(ranked) - right
    if not right or not wrong:
        return None
    return sum(_ranks(ranked)) / (right * wrong)


def _ranks(ranked: Sequence[tuple[float, bool]]) -> Iterable[float]:
    """For each right one the number of wrong ones below it, and half of those beside it."""
    below = start = 0
    while start < len(ranked):
        end = start
        while end < len(ranked) and ranked[end][0] == ranked[start][0]:
            end += 1
        wrong = sum(not is_right for _, is_right in ranked[start:end])
        yield (end - start - wrong) * (below + wrong / 2)
        below, start = below + wrong, end
