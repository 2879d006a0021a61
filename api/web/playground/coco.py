"""A job's answers as a COCO file, whether or not the job asked for one."""

from collections.abc import Mapping
from typing import Any

from workers.catalog.florence2.coco import as_coco
from workers.catalog.florence2.instances import instances_of


def coco_of(output: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """What of a Florence-2 job's output has a place, in the format of the COCO data set.

    Args:
        output: the job's.
        asked: the job's input, see `instances_of`.

    Returns:
        What the job's own `coco` artifact holds, see `workers.catalog.florence2.coco.as_coco`.
    """
    size = output["image"]
    return as_coco(instances_of(output["results"], asked), (size["width"], size["height"]))
