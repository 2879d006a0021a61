"""The answers of Florence-2 in fal's form, in pixels of the picture."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from api.compat.shared.job import ForeignJob
from workers.catalog.florence2.tasks import BY_TOKEN

Json = dict[str, Any]


def florence2_output(job: ForeignJob, overlays: Sequence[Json]) -> Json:
    """The output of a job: `results`, and `image`, the picture drawn upon, where it places things.

    A job of several tasks, which no application of fal makes, has their answers by name.

    Args:
        job: a job that succeeded.
        overlays: its drawn pictures, as fal shows pictures.
    """
    answers: Sequence[Json] = (job.view.output or {}).get("results", ())
    text = str(job.input.get("text") or "")
    shown = [_results(answer, text) for answer in answers]
    image = overlays[0] if overlays else None
    if len(answers) == 1:
        return {"results": shown[0]} if isinstance(shown[0], str) else _drawn(image, shown[0])
    names = [BY_TOKEN[answer["task"]].name for answer in answers]
    return _drawn(image, dict(zip(names, shown, strict=True)))


def _drawn(image: Json | None, results: Any) -> Json:
    return {"image": image, "results": results}


def _results(answer: Mapping[str, Any], text: str) -> str | Json:
    value = answer["result"][answer["task"]]
    if isinstance(value, str):
        # Words about a region end with its location tokens; `text` is without them.
        return str(answer.get("text", value))
    if "quad_boxes" in value:
        labels = value.get("labels", ())
        quads = zip(value["quad_boxes"], labels, strict=True)
        return {"quad_boxes": [_box(_around(quad), label) for quad, label in quads]}
    if "bboxes" in value:
        labels = value.get("bboxes_labels", value.get("labels", ()))
        boxes = zip(value["bboxes"], labels, strict=True)
        return {"bboxes": [_box(box, label) for box, label in boxes]}
    return {"polygons": [*_polygons(value, text)]}


def _box(box: Sequence[float], label: str) -> Json:
    left, top, right, bottom = box
    return {"x": left, "y": top, "w": right - left, "h": bottom - top, "label": label}


def _around(quad: Sequence[float]) -> Sequence[float]:
    across, down = quad[0::2], quad[1::2]
    return min(across), min(down), max(across), max(down)


def _polygons(value: Mapping[str, Any], text: str) -> Iterator[Json]:
    labels = value.get("polygons_labels", value.get("labels", ()))
    for outlines, label in zip(value["polygons"], labels, strict=True):
        for points in outlines:
            pairs = zip(points[0::2], points[1::2], strict=True)
            yield {"label": label or text, "points": [{"x": x, "y": y} for x, y in pairs]}
