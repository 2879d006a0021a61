"""Florence-2's answers on a page: shapes over the analysed picture, and texts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.catalog.florence2.instances import Box, Instance, Points, instances_of
from workers.catalog.florence2.tasks import BY_TOKEN

COLOURS = 8
UNNAMED = "unnamed"
"""The label of a place that its task does not name."""
_WARNINGS = {
    "repetition": "The answer repeats itself over and over; it may be wrong.",
    "malformed_answer": "Some places were badly written: they were put right, or left out.",
    "masks_limited": "Masks were made only for the first outlines.",
}
_CUT_OFF = "The answer was cut off at the limit of tokens."


@dataclass(frozen=True)
class Shape:
    """One labelled place in the picture.

    Attributes:
        mark: an id that links the shape to its entry in the list of labels.
        colour: 0 to 7, the same for equal labels.
        outlines: SVG `points`, in pixels of the picture; several for an object in parts.
        box: the bounding box, in pixels of the picture.
        score: the answer's score, 0 to 1, calibrated or raw; None where there is none.
    """

    mark: str
    label: str
    colour: int
    outlines: list[str]
    box: Box
    score: float | None

    @property
    def place(self) -> str:
        """The bounding box as text."""
        left, top, right, bottom = self.box
        return f"{left:.0f}, {top:.0f} to {right:.0f}, {bottom:.0f}"


@dataclass(frozen=True)
class Group:
    """All shapes of one overlay with the same label."""

    label: str
    colour: int
    shapes: list[Shape]


@dataclass(frozen=True)
class Overlay:
    """One task's shapes over the picture.

    Attributes:
        token: the task's token.
        title: the task in plain words.
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        warnings: sentences, each with a reason to doubt the answer.
    """

    token: str
    title: str
    width: int
    height: int
    picture_url: str
    shapes: list[Shape]
    warnings: list[str]

    @property
    def note(self) -> str:
        """The number of shapes as text."""
        return f"{len(self.shapes)} found"

    @property
    def summary(self) -> str:
        """All labels as text."""
        return ", ".join(shape.label for shape in self.shapes) or "nothing was found"

    @property
    def draw_order(self) -> list[Shape]:
        """The shapes from large to small, so that none is hidden behind another."""
        return sorted(self.shapes, key=lambda shape: -_area(shape.box))

    @property
    def groups(self) -> list[Group]:
        """The shapes by label, in the order in which each label first occurs."""
        groups: dict[str, Group] = {}
        for shape in self.shapes:
            group = groups.setdefault(shape.label, Group(shape.label, shape.colour, []))
            group.shapes.append(shape)
        return list(groups.values())


@dataclass(frozen=True)
class Answer:
    """One task's text.

    Attributes:
        token: the task's token.
        title: the task in plain words.
        warnings: sentences, each with a reason to doubt the answer.
    """

    token: str
    title: str
    text: str
    warnings: list[str]


def overlays(
    output: Mapping[str, Any], picture_url: str, job_input: Mapping[str, Any] | None = None
) -> list[Overlay]:
    """The answers of a job that contain places, in the order of its tasks.

    Args:
        output: the job's output; `{}` when it has none yet.
        picture_url: the URL of the analysed picture.
        job_input: the job's input; it holds the region that a text about a region refers to.
    """
    with_shapes = (
        (result, value, list(_shapes(n, result, job_input or {})))
        for n, result, value in _values(output)
    )
    size = output.get("image", {})
    return [
        Overlay(
            token=result["task"],
            title=BY_TOKEN[result["task"]].title,
            width=size.get("width", 1),
            height=size.get("height", 1),
            picture_url=picture_url,
            shapes=shapes,
            warnings=_warnings(result),
        )
        for result, value, shapes in with_shapes
        if shapes or not isinstance(value, str)
    ]


def answers(output: Mapping[str, Any]) -> list[Answer]:
    """The answers of a job that are text."""
    return [
        Answer(
            token=result["task"],
            title=BY_TOKEN[result["task"]].title,
            text=result.get("text", value),
            warnings=_warnings(result),
        )
        for _, result, value in _values(output)
        if isinstance(value, str)
    ]


def _values(output: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any], Any]]:
    for n, result in enumerate(output.get("results", [])):
        yield n, result, result["result"][result["task"]]


def _warnings(result: Mapping[str, Any]) -> list[str]:
    sentences = [_WARNINGS[each] for each in result.get("warnings", []) if each in _WARNINGS]
    return sentences + [_CUT_OFF] * (result.get("finish_reason") == "length")


def _shapes(n: int, result: Mapping[str, Any], job_input: Mapping[str, Any]) -> Iterator[Shape]:
    colours: dict[str, int] = {}
    for m, instance in enumerate(instances_of([result], job_input)):
        yield Shape(
            mark=f"{n}-{m}",
            label=instance.label or UNNAMED,
            colour=colours.setdefault(instance.label, len(colours)) % COLOURS,
            outlines=[_points(outline) for outline in _outlines(instance)],
            box=instance.box,
            score=instance.score,
        )


def _outlines(instance: Instance) -> Sequence[Points]:
    left, top, right, bottom = instance.box
    return instance.outlines or [(left, top, right, top, right, bottom, left, bottom)]


def _points(outline: Points) -> str:
    pairs = zip(outline[0::2], outline[1::2], strict=False)
    return " ".join(f"{x:g},{y:g}" for x, y in pairs)


def _area(box: Box) -> float:
    left, top, right, bottom = box
    return (right - left) * (bottom - top)
