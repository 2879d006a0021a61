"""Detection metrics: IoU, recall and precision of detected boxes against target boxes."""

from collections.abc import Sequence
from dataclasses import dataclass

from workers.training.scenes.palette import Box

IOU_THRESHOLD = 0.5
"""The usual IoU threshold at which a detection counts as a hit."""


@dataclass(frozen=True)
class Detection:
    """A label and its box: left, top, right, bottom, all in the same unit."""

    label: str
    box: Box


@dataclass(frozen=True)
class Match:
    """A target and the detection matched to it; None with an IoU of 0 if there is none."""

    target: Detection
    detection: Detection | None
    iou: float


@dataclass(frozen=True)
class DetectionScore:
    """Metrics of a set of matches.

    Attributes:
        mean_iou: the mean over all targets; a missed target counts as 0.
        recall: the share of targets matched with an IoU of at least one half.
        precision: the share of detections that are such a match.
    """

    mean_iou: float
    recall: float
    precision: float


def area(box: Box) -> float:
    """Width times height; 0 for a box whose edges are in the wrong order."""
    left, top, right, bottom = box
    return max(0.0, right - left) * max(0.0, bottom - top)


def iou(one: Box, other: Box) -> float:
    """Intersection over union, 0 to 1; 0 when both boxes are empty."""
    intersection = area(
        (
            max(one[0], other[0]),
            max(one[1], other[1]),
            min(one[2], other[2]),
            min(one[3], other[3]),
        )
    )
    union = area(one) + area(other) - intersection
    return intersection / union if union > 0 else 0.0


def match(detections: Sequence[Detection], targets: Sequence[Detection]) -> list[Match]:
    """Match each target with at most one detection of its label, the largest overlap first.

    Returns:
        One match per target, in the order of the targets.
    """
    pairs = [
        (iou(detection.box, target.box), d, t)
        for d, detection in enumerate(detections)
        for t, target in enumerate(targets)
        if detection.label == target.label
    ]
    assigned: dict[int, tuple[int, float]] = {}
    for overlap, d, t in sorted(pairs, reverse=True):
        used = {index for index, _ in assigned.values()}
        if overlap > 0 and t not in assigned and d not in used:
            assigned[t] = (d, overlap)
    return [_as_match(target, detections, assigned.get(t)) for t, target in enumerate(targets)]


def _as_match(
    target: Detection, detections: Sequence[Detection], assigned: tuple[int, float] | None
) -> Match:
    if assigned is None:
        return Match(target, None, 0.0)
    index, overlap = assigned
    return Match(target, detections[index], overlap)


def score(
    pictures: Sequence[tuple[Sequence[Detection], Sequence[Detection]]],
) -> DetectionScore:
    """The score over several pictures, each a pair of its detections and its targets.

    Without any target the mean IoU and the recall are 1; without any detection the precision is 1.
    """
    matches = [pair for detections, targets in pictures for pair in match(detections, targets)]
    hits = sum(pair.iou >= IOU_THRESHOLD for pair in matches)
    detected = sum(len(detections) for detections, _ in pictures)
    return DetectionScore(
        mean_iou=sum(pair.iou for pair in matches) / len(matches) if matches else 1.0,
        recall=hits / len(matches) if matches else 1.0,
        precision=hits / detected if detected else 1.0,
    )
