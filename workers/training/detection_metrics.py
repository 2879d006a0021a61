"""How well found boxes match wanted ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from workers.training.scenes.palette import Box

HALF = 0.5
"""The usual least IoU of a box that counts as found."""


@dataclass(frozen=True)
class Detection:
    """A label and its box: left, top, right, bottom, in any one unit."""

    label: str
    box: Box


@dataclass(frozen=True)
class Match:
    """One wanted detection and what was found of it, with IoU 0 where that is nothing."""

    wanted: Detection
    found: Detection | None
    iou: float


@dataclass(frozen=True)
class DetectionScore:
    """What a set of matches comes to.

    Attributes:
        mean_iou: over wanted detections; one that was missed counts 0.
        recall: the share of wanted detections with an IoU of at least a half.
        precision: the share of found detections that are such a match.
    """

    mean_iou: float
    recall: float
    precision: float


def area(box: Box) -> float:
    """Width times height; 0 for a box turned inside out."""
    left, top, right, bottom = box
    return max(0.0, right - left) * max(0.0, bottom - top)


def iou(one: Box, other: Box) -> float:
    """Intersection over union, 0 to 1; 0 where both boxes are empty."""
    shared = area(
        (
            max(one[0], other[0]),
            max(one[1], other[1]),
            min(one[2], other[2]),
            min(one[3], other[3]),
        )
    )
    union = area(one) + area(other) - shared
    return shared / union if union > 0 else 0.0


def match(found: Sequence[Detection], wanted: Sequence[Detection]) -> list[Match]:
    """Pair each wanted detection with at most one found under its label, best overlap first.

    Returns:
        One match per wanted detection, in their order.
    """
    pairs = [
        (iou(have.box, want.box), f, w)
        for f, have in enumerate(found)
        for w, want in enumerate(wanted)
        if have.label == want.label
    ]
    taken: dict[int, tuple[int, float]] = {}
    for overlap, f, w in sorted(pairs, reverse=True):
        if overlap > 0 and w not in taken and f not in {used for used, _ in taken.values()}:
            taken[w] = (f, overlap)
    return [_as_match(want, found, taken.get(w)) for w, want in enumerate(wanted)]


def _as_match(
    wanted: Detection, found: Sequence[Detection], taken: tuple[int, float] | None
) -> Match:
    if taken is None:
        return Match(wanted, None, 0.0)
    index, overlap = taken
    return Match(wanted, found[index], overlap)


def score(
    pictures: Sequence[tuple[Sequence[Detection], Sequence[Detection]]],
) -> DetectionScore:
    """The score over several pictures, each given as what was found and what was wanted.

    Nothing wanted at all is a mean IoU and a recall of 1; nothing found at all, a precision of 1.
    """
    matches = [pair for found, wanted in pictures for pair in match(found, wanted)]
    hits = sum(pair.iou >= HALF for pair in matches)
    answers = sum(len(found) for found, _ in pictures)
    return DetectionScore(
        mean_iou=sum(pair.iou for pair in matches) / len(matches) if matches else 1.0,
        recall=hits / len(matches) if matches else 1.0,
        precision=hits / answers if answers else 1.0,
    )
