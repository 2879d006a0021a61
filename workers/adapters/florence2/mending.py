"""Mending of regions that a model wrote badly: corners in the wrong order, labels with remains.

A model that is unsure may write a location too many, the corners of a box in the wrong order, or
an outline of no area. The processor's parser takes all of it as it stands.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress
from typing import Any

from workers.catalog.florence2.coco import area_of
from workers.catalog.florence2.instances import KINDS, chosen, label_key

_MARK = r"/?(?:loc_\d+|poly|sep)>"
_REMAINS = re.compile(rf"^(?:{_MARK})+|<{_MARK}")
"""Location tokens and marks in a label; the parser takes the bracket from the first one."""


@dataclass(frozen=True)
class Mended:
    """A task's value after mending.

    Attributes:
        value: the value, without the regions that have no area.
        choice: true for each region that is still there, in the order of the scores.
        changed: the number of those whose corners or label were put right.
    """

    value: dict[str, Any]
    choice: tuple[bool, ...]
    changed: int


def mend(value: Mapping[str, Any]) -> Mended:
    """Order corners, clean labels, and leave out what has no area.

    Args:
        value: the value of a task that lists regions.
    """
    result = dict(value)
    changes: list[bool] = []
    choice: list[bool] = []
    for kind in (kind for kind in KINDS if kind in value):
        labels = label_key(value, kind)
        result[labels] = [_REMAINS.sub("", label).strip() for label in value[labels]]
        result[kind] = [_ordered(place) if kind == "bboxes" else place for place in value[kind]]
        before = zip(value[labels], value[kind], strict=True)
        after = zip(result[labels], result[kind], strict=True)
        changes += [one != other for one, other in zip(before, after, strict=True)]
        choice += [_has_area(kind, place) for place in result[kind]]
    return Mended(chosen(result, choice), tuple(choice), sum(compress(changes, choice)))


def _ordered(box: list[float]) -> list[float]:
    left, top, right, bottom = box
    return [min(left, right), min(top, bottom), max(left, right), max(top, bottom)]


def _has_area(kind: str, place: Any) -> bool:
    if kind == "bboxes":
        left, top, right, bottom = place
        return bool(left < right and top < bottom)
    return sum(map(area_of, [place] if kind == "quad_boxes" else place)) > 0
