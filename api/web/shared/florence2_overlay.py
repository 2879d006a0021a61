"""Florence-2's answers as people see them: shapes over the picture looked at, and words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.catalog.florence2.instances import Box, Instance, Points, instances_of
from workers.catalog.florence2.tasks import BY_TOKEN

COLOURS = 8
NAMELESS = "unnamed"
"""What is shown for a place that its task gives no name."""
_DOUBTS = {
    "repetition": "It says the same over and over, as a model that has lost its way does.",
    "masks_limited": "Only the first of its outlines were made into masks.",
}
_CUT_OFF = "It was cut off at its limit of tokens."


@dataclass(frozen=True)
class Shape:
    """One thing and where it is.

    Attributes:
        mark: joins it to its line in the list beneath.
        colour: 0 to 7, the same for equal labels.
        outlines: SVG `points`, in pixels of the picture; several for a thing in parts.
        box: around all of it, in pixels of the picture.
        score: how sure the model is, 0 to 1, not calibrated; None where it was not told.
    """

    mark: str
    label: str
    colour: int
    outlines: list[str]
    box: Box
    score: float | None

    @property
    def place(self) -> str:
        """Its box in words."""
        left, top, right, bottom = self.box
        return f"{left:.0f}, {top:.0f} to {right:.0f}, {bottom:.0f}"


@dataclass(frozen=True)
class Group:
    """All shapes of one overlay that bear the same label."""

    label: str
    colour: int
    shapes: list[Shape]


@dataclass(frozen=True)
class Overlay:
    """One task's places over the picture.

    Attributes:
        title: the task's token.
        means: the task in plain words.
        width: the picture's, in pixels.
        height: the picture's, in pixels.
        doubts: sentences that each say why to doubt the answer.
    """

    title: str
    means: str
    width: int
    height: int
    picture_url: str
    shapes: list[Shape]
    doubts: list[str]

    @property
    def note(self) -> str:
        """How much was found, in words."""
        return f"{len(self.shapes)} found"

    @property
    def summary(self) -> str:
        """What was found, in words."""
        return ", ".join(shape.label for shape in self.shapes) or "nothing was found"

    @property
    def drawn(self) -> list[Shape]:
        """The shapes from large to small, so that none is hidden beneath another."""
        return sorted(self.shapes, key=lambda shape: -_area(shape.box))

    @property
    def groups(self) -> list[Group]:
        """The shapes by their labels, in the order in which each label comes first."""
        found: dict[str, Group] = {}
        for shape in self.shapes:
            group = found.setdefault(shape.label, Group(shape.label, shape.colour, []))
            group.shapes.append(shape)
        return list(found.values())


@dataclass(frozen=True)
class Answer:
    """One task's words: the task's token and what it means, the text, and why to doubt it."""

    title: str
    means: str
    text: str
    doubts: list[str]


def overlays(
    output: Mapping[str, Any], picture_url: str, asked: Mapping[str, Any] | None = None
) -> list[Overlay]:
    """The answers of a job that say where, in the order of its tasks.

    Args:
        output: the job's; of one that has none yet, `{}`.
        picture_url: where a browser finds the picture that was looked at.
        asked: the job's input, without which words about a region have no place.
    """
    drawn = (
        (result, value, list(_shapes(n, result, asked or {})))
        for n, result, value in _values(output)
    )
    size = output.get("image", {})
    return [
        Overlay(
            title=result["task"],
            means=BY_TOKEN[result["task"]].title,
            width=size.get("width", 1),
            height=size.get("height", 1),
            picture_url=picture_url,
            shapes=shapes,
            doubts=_doubts(result),
        )
        for result, value, shapes in drawn
        if shapes or not isinstance(value, str)
    ]


def answers(output: Mapping[str, Any]) -> list[Answer]:
    """The answers of a job that are words."""
    return [
        Answer(
            title=result["task"],
            means=BY_TOKEN[result["task"]].title,
            text=result.get("text", value),
            doubts=_doubts(result),
        )
        for _, result, value in _values(output)
        if isinstance(value, str)
    ]


def _values(output: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any], Any]]:
    for n, result in enumerate(output.get("results", [])):
        yield n, result, result["result"][result["task"]]


def _doubts(result: Mapping[str, Any]) -> list[str]:
    told = [_DOUBTS[each] for each in result.get("warnings", []) if each in _DOUBTS]
    return told + [_CUT_OFF] * (result.get("finish_reason") == "length")


def _shapes(n: int, result: Mapping[str, Any], asked: Mapping[str, Any]) -> Iterator[Shape]:
    colours: dict[str, int] = {}
    for m, instance in enumerate(instances_of([result], asked)):
        yield Shape(
            mark=f"{n}-{m}",
            label=instance.label or NAMELESS,
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
