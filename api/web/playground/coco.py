"""A job's answers as a COCO file, also for a job that requested none."""

from collections.abc import Mapping
from typing import Any

from workers.catalog.florence2.coco import as_coco
from workers.catalog.florence2.instances import instances_of


def coco_of(output: Mapping[str, Any], job_input: Mapping[str, Any]) -> dict[str, Any]:
    """The places in a Florence-2 job's output, in the format of the COCO data set.

    Args:
        output: the job's output.
        job_input: the job's input, see `instances_of`.

    Returns:
        The content of the job's own `coco` artifact, see `workers.catalog.florence2.coco.as_coco`.
    """
    size = output["image"]
    return as_coco(instances_of(output["results"], job_input), (size["width"], size["height"]))
