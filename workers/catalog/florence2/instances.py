"""Instances in a job's answers: one for each box, quadrangle or outline."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

from workers.catalog.florence2.tasks import BY_TOKEN, Florence2Task

Points = Sequence[float]
"""A polygon, `x1, y1, x2, y2, …`, in pixels."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""

_LEAST_POINTS = 3


@dataclass(frozen=True)
class Instance:
    """One object and its location, in pixels of the original picture.

    Attributes:
        task: the token of the task that found it.
        number: its index among that answer's instances, from 0, in the order of the value.
        label: its name; "" where the task gives no name.
        score: the answer's own score, 0 to 1; None where there is none.
        raw_score: the score before its calibration; None where there is none.
        box: left, top, right, bottom.
        outlines: polygons that together outline it; none where only the box is known.
        is_masked: true when the outlines follow the object, not a quadrangle around it.
    """

    task: str
    number: int
    label: str
    score: float | None
    box: Box
    outlines: tuple[Points, ...] = ()
    is_masked: bool = False
    raw_score: float | None = None


def instances_of(
    results: Sequence[Mapping[str, Any]], job_input: Mapping[str, Any]
) -> list[Instance]:
    """Every instance of a job's results, task by task. Outlines of two points or fewer are ignored.

    Args:
        results: the answers, as `workers.adapters.florence2.task_results.task_result` returns them.
        job_input: the job's input. Its `region` is the location of an answer about a region. Its
            `text` is the label of instances to which a task that reads it gives no name.
    """
    return [instance for result in results for instance in _of_result(result, job_input)]


def _of_result(result: Mapping[str, Any], job_input: Mapping[str, Any]) -> Iterator[Instance]:
    task = BY_TOKEN[result["task"]]
    name = (job_input.get("text") or "") if task.takes_text else ""
    for number, (label, box, outlines, is_masked) in enumerate(_found(task, result, job_input)):
        if box is None:
            continue
        score, raw = (_nth(result.get(key), number) for key in ("scores", "raw_scores"))
        yield Instance(
            task.token, number, label or name, score, box, outlines, is_masked, raw_score=raw
        )


def _found(
    task: Florence2Task, result: Mapping[str, Any], job_input: Mapping[str, Any]
) -> Iterator["_Shape"]:
    """The shapes of a result, in the order of its scores."""
    value = result["result"][task.token]
    if not isinstance(value, str):
        yield from _shapes(value)
    elif task.takes_region and job_input.get("region"):
        left, top, right, bottom = job_input["region"]
        yield result["text"], (left, top, right, bottom), (), False


def _nth(scores: Sequence[float | None] | None, number: int) -> float | None:
    return scores[number] if scores and number < len(scores) else None


_Shape = tuple[str, Box | None, tuple[Points, ...], bool]

_LABELS = {"bboxes": "bboxes_labels", "quad_boxes": "labels", "polygons": "polygons_labels"}
"""The key of the labels for each kind of location, if not `labels`; in the scores' order."""


KINDS = tuple(_LABELS)
"""The keys of a value's locations, in the order of its scores."""


def label_key(value: Mapping[str, Any], kind: str) -> str:
    """The key of the labels of one kind of location in a task's value."""
    return _LABELS[kind] if _LABELS[kind] in value else "labels"


def chosen(value: Mapping[str, Any], choice: Sequence[bool]) -> dict[str, Any]:
    """A task's value with some of its instances alone.

    Args:
        value: the value, which is not text.
        choice: true for each instance to keep, in the order of the scores.
    """
    result, flags = dict(value), iter(choice)
    for kind in (key for key in KINDS if key in value):
        own = [next(flags) for _ in value[kind]]
        for key in (kind, label_key(value, kind)):
            result[key] = list(compress(value[key], own))
    return result


def _shapes(value: Mapping[str, Any]) -> Iterator[_Shape]:
    """Label, box, outlines, and true when these can be masks; in the order of the scores."""
    for kind in (key for key in KINDS if key in value):
        for label, place in zip(value[label_key(value, kind)], value[kind], strict=True):
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
