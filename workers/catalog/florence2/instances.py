"""What a job's answers say where: one instance for each box, quadrangle or outline."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.catalog.florence2.tasks import BY_TOKEN

Points = Sequence[float]
"""A polygon, `x1, y1, x2, y2, …`, in pixels."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""

_LEAST_POINTS = 3


@dataclass(frozen=True)
class Instance:
    """One thing and where it is, in pixels of the original picture.

    Attributes:
        task: the token of the task that it answers.
        number: which of that answer's instances it is, from 0, in the order of its value.
        label: what it is called; "" where the task gives no name.
        score: the answer's own, 0 to 1, not calibrated; None where it was not told.
        box: left, top, right, bottom.
        outlines: polygons that together outline it; none where only the box is known.
        is_masked: the outlines are those of the thing, not of a quadrangle around it.
    """

    task: str
    number: int
    label: str
    score: float | None
    box: Box
    outlines: tuple[Points, ...] = ()
    is_masked: bool = False


def instances_of(results: Sequence[Mapping[str, Any]], asked: Mapping[str, Any]) -> list[Instance]:
    """Every instance of a job's results, task by task. Outlines of two points or less are none.

    Args:
        results: the answers, as `workers.adapters.florence2.task_results.result` gives them.
        asked: the job's input. Its `region` is where an answer about one belongs, and its `text`
            names what a task that reads it leaves nameless.
    """
    return [instance for result in results for instance in _of_result(result, asked)]


def _of_result(result: Mapping[str, Any], asked: Mapping[str, Any]) -> Iterator[Instance]:
    task = BY_TOKEN[result["task"]]
    value = result["result"][task.token]
    scores: Sequence[float | None] = result.get("scores") or [None]
    if isinstance(value, str):
        if task.takes_region and asked.get("region"):
            left, top, right, bottom = asked["region"]
            yield Instance(task.token, 0, result["text"], scores[0], (left, top, right, bottom))
        return
    name = (asked.get("text") or "") if task.takes_text else ""
    for number, (label, box, outlines, is_masked) in enumerate(_shapes(value)):
        if box is not None:
            yield Instance(
                task.token, number, label or name, _nth(scores, number), box, outlines, is_masked
            )


def _nth(scores: Sequence[float | None], number: int) -> float | None:
    return scores[number] if number < len(scores) else None


_Shape = tuple[str, Box | None, tuple[Points, ...], bool]

_LABELS = {"bboxes": "bboxes_labels", "quad_boxes": "labels", "polygons": "polygons_labels"}
"""Where the labels of each kind of place stand, if not under `labels`; in the scores' order."""


def _shapes(value: Mapping[str, Any]) -> Iterator[_Shape]:
    """Label, box, outlines and whether they can be masks, in the order of the scores."""
    for kind in (key for key in _LABELS if key in value):
        labels = value.get(_LABELS[kind], value.get("labels"))
        for label, place in zip(labels, value[kind], strict=True):
            outlines = _outlines(kind, place)
            box = _around([place] if kind == "bboxes" else outlines)
            yield label, box, outlines, kind == "polygons"


def _outlines(kind: str, place: Any) -> tuple[Points, ...]:
    if kind == "quad_boxes":
        return (place,)
    polygons = place if kind == "polygons" else ()
    return tuple(points for points in polygons if len(points) >= 2 * _LEAST_POINTS)


def _around(outlines: Sequence[Points]) -> Box | None:
    if not outlines:
        return None
    across = [x for points in outlines for x in points[0::2]]
    down = [y for points in outlines for y in points[1::2]]
    return min(across), min(down), max(across), max(down)
