"""Judgement of answers: which instances are true ones."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from workers.catalog.florence2.instances import Instance, Points
from workers.training.calibration.cases import Target
from workers.training.common.detection_metrics import IOU_THRESHOLD, iou

_Mask = npt.NDArray[np.bool_]


def are_right(
    instances: Sequence[Instance], targets: Sequence[Target], size: tuple[int, int]
) -> list[bool]:
    """True for each instance that is a target: the label is equal, and half or more overlaps.

    A target counts once, for the instance that overlaps it most.

    Args:
        instances: the instances of an answer.
        targets: the true ones.
        size: width and height of the picture.
    """
    pairs = [
        (_overlap(instance, target, size), i, t)
        for i, instance in enumerate(instances)
        for t, target in enumerate(targets)
        if normal(instance.label) == normal(target.label)
    ]
    found: dict[int, int] = {}
    for overlap, i, t in sorted(pairs, reverse=True):
        if overlap >= IOU_THRESHOLD and i not in found and t not in found.values():
            found[i] = t
    return [i in found for i in range(len(instances))]


def normal(label: str) -> str:
    """A label without what makes no difference: case, and blanks around and between words."""
    return " ".join(label.casefold().split())


def _overlap(instance: Instance, target: Target, size: tuple[int, int]) -> float:
    """Intersection over union of the outlines where both have them, else of the boxes."""
    if not (instance.is_masked and target.outlines):
        return iou(instance.box, target.box)
    one, other = _mask(instance.outlines, size), _mask(target.outlines, size)
    union = (one | other).sum()
    return float((one & other).sum() / union) if union else 0.0


def _mask(outlines: Iterable[Points], size: tuple[int, int]) -> _Mask:
    image = Image.new("1", size)
    pen = ImageDraw.Draw(image)
    for points in outlines:
        pen.polygon(list(points), fill=1)
    return np.asarray(image, bool)
