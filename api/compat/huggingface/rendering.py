"""Answers to analyses, in the form of each of Hugging Face's tasks."""

import base64
import math
from collections.abc import Sequence
from typing import Any

from api.compat.shared.foreign_job import ForeignJob
from api.compat.shared.picture_files import ResultFile
from workers.catalog.florence2.instances import instances_of

Json = dict[str, Any]


def generated_text(job: ForeignJob) -> str:
    """The text of the job's first answer."""
    [(_, value)] = _results(job)[0]["result"].items()
    return value if isinstance(value, str) else ""


def detections(job: ForeignJob) -> list[Json]:
    """The objects that were found, with boxes in whole pixels."""
    return [
        {"label": each.label, "score": _score(each.score), "box": _box(each.box)}
        for each in instances_of(_results(job), job.input)
    ]


def segments(job: ForeignJob, masks: Sequence[ResultFile]) -> list[Json]:
    """The outlines that were found, each as a mask: a PNG in base64, white inside."""
    return [
        {
            "label": str(mask.row.about.get("label") or job.input.get("text") or ""),
            "score": _score(mask.row.about.get("score")),
            "mask": base64.b64encode(mask.data).decode(),
        }
        for mask in masks
    ]


def _results(job: ForeignJob) -> Sequence[Json]:
    results: Sequence[Json] = (job.view.output or {})["results"]
    return results


def _score(score: float | None) -> float:
    return 1.0 if score is None else float(score)


def _box(box: tuple[float, float, float, float]) -> Json:
    left, top, right, bottom = box
    return {
        "xmin": math.floor(left),
        "ymin": math.floor(top),
        "xmax": math.ceil(right),
        "ymax": math.ceil(bottom),
    }
