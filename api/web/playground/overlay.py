"""All that `overlay.html` shows of one Florence-2 job."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.web.playground.coco import coco_of
from api.web.shared.florence2_overlay import Answer, Overlay, answers, overlays


@dataclass(frozen=True)
class Seen:
    """One job's answers, to look at and to copy.

    Attributes:
        overlays: the answers that say where.
        answers: the answers that are words and nothing more; what is said of a region is there.
        as_json: the results as they are, JSON.
        as_coco: what has a place as a COCO file; "" where nothing has.
    """

    overlays: list[Overlay]
    answers: list[Answer]
    as_json: str
    as_coco: str


def seen_in(output: Mapping[str, Any], picture_url: str, asked: Mapping[str, Any]) -> Seen:
    """What a succeeded Florence-2 job came to.

    Args:
        output: the job's.
        picture_url: where a browser finds the picture that was looked at.
        asked: the job's input.
    """
    drawn = overlays(output, picture_url, asked)
    placed = {overlay.title for overlay in drawn}
    told = {"image": output["image"], "results": output["results"]}
    return Seen(
        overlays=drawn,
        answers=[answer for answer in answers(output) if answer.title not in placed],
        as_json=_pretty(told),
        as_coco=_pretty(coco_of(output, asked)) if drawn else "",
    )


def _pretty(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
