"""The results of one Florence-2 job, as `overlay.html` shows them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.web.playground.coco import coco_of
from api.web.shared.florence2_overlay import Answer, Overlay, answers, overlays


@dataclass(frozen=True)
class OverlayView:
    """One job's results, to look at and to copy.

    Attributes:
        overlays: the answers that contain places.
        answers: the answers that are only text; a text about a region is an overlay.
        as_json: the results as JSON.
        as_coco: the places as a COCO file; "" where there are none.
    """

    overlays: list[Overlay]
    answers: list[Answer]
    as_json: str
    as_coco: str


def overlay_view(
    output: Mapping[str, Any], picture_url: str, job_input: Mapping[str, Any]
) -> OverlayView:
    """The results of a succeeded Florence-2 job.

    Args:
        output: the job's output.
        picture_url: the URL of the analysed picture.
        job_input: the job's input.
    """
    drawn = overlays(output, picture_url, job_input)
    drawn_tokens = {overlay.token for overlay in drawn}
    return OverlayView(
        overlays=drawn,
        answers=[answer for answer in answers(output) if answer.token not in drawn_tokens],
        as_json=_pretty({"image": output["image"], "results": output["results"]}),
        as_coco=_pretty(coco_of(output, job_input)) if drawn else "",
    )


def _pretty(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
