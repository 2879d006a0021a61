"""Instances in the format of the COCO data set, which most tools for annotations read."""

from collections.abc import Sequence
from typing import Any

from workers.catalog.florence2.instances import Instance, Points

NAMELESS = "object"
"""The category of instances to which their task gives no name."""


def as_coco(instances: Sequence[Instance], size: tuple[int, int]) -> dict[str, Any]:
    """A COCO file's `images`, `annotations` and `categories`.

    Boxes are `[x, y, width, height]` in pixels of the original picture; `score`, `raw_score` and
    `task` are added to the fields of the format. The area is that of the outlines where there are
    any, each counted in full, otherwise of the box.
    """
    names = list(dict.fromkeys(_name(instance) for instance in instances))
    ids = {name: number for number, name in enumerate(names, start=1)}
    return {
        "images": [{"id": 1, "file_name": "picture", "width": size[0], "height": size[1]}],
        "annotations": [
            {"id": number, "image_id": 1, "category_id": ids[_name(instance)], **_shape(instance)}
            for number, instance in enumerate(instances, start=1)
        ],
        "categories": [{"id": number, "name": name} for name, number in ids.items()],
    }


def area_of(points: Points) -> float:
    """A polygon's area in square pixels, by the shoelace formula.

    `|sum of x[i] * y[i+1] - x[i+1] * y[i]| / 2`; the triangle (0, 0), (4, 0), (0, 3) has 6.
    """
    corners = list(zip(points[0::2], points[1::2], strict=True))
    following = corners[1:] + corners[:1]
    pairs = zip(corners, following, strict=True)
    return abs(sum(x * y2 - x2 * y for (x, y), (x2, y2) in pairs)) / 2


def _name(instance: Instance) -> str:
    return instance.label or NAMELESS


def _shape(instance: Instance) -> dict[str, Any]:
    left, top, right, bottom = instance.box
    width, height = right - left, bottom - top
    outlines = [list(points) for points in instance.outlines]
    return {
        "bbox": [left, top, width, height],
        "area": sum(map(area_of, outlines)) if outlines else width * height,
        "iscrowd": 0,
        "segmentation": outlines,
        "score": instance.score,
        "raw_score": instance.raw_score,
        "task": instance.task,
    }
