"""Florence-2's answers drawn over the picture that was looked at, as SVG shapes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COLOURS = 8
_LABELS = {"bboxes": "bboxes_labels", "quad_boxes": "labels", "polygons": "polygons_labels"}
"""Where the labels of each kind of place stand, if not under `labels`."""
_LEAST_POINTS = 3


@dataclass(frozen=True)
class Shape:
    """One thing and where it is.

    Attributes:
        mark: joins it to its line in the list beneath.
        colour: 0 to 7, the same for equal labels.
        outlines: SVG `points`, in pixels of the picture; several for a thing in parts.
        place: its box in words.
    """

    mark: str
    label: str
    colour: int
    outlines: list[str]
    place: str


@dataclass(frozen=True)
class Overlay:
    """One task's places over the picture; `width` and `height` are the picture's, in pixels."""

    title: str
    note: str
    width: int
    height: int
    picture_url: str
    shapes: list[Shape]

    @property
    def summary(self) -> str:
        """What was found, in words."""
        return ", ".join(shape.label for shape in self.shapes) or "nothing was found"


@dataclass(frozen=True)
class Answer:
    """One task's words."""

    title: str
    text: str


def overlays(output: Mapping[str, Any], picture_url: str) -> list[Overlay]:
    """The answers of a job that say where, in the order of its tasks."""
    size = output.get("image", {})
    return [
        Overlay(
            title=result["task"],
            note=f"{len(shapes)} found",
            width=size.get("width", 1),
            height=size.get("height", 1),
            picture_url=picture_url,
            shapes=shapes,
        )
        for n, result, value in _values(output)
        if isinstance(value, Mapping)
        for shapes in [list(_shapes(n, value))]
    ]


def answers(output: Mapping[str, Any]) -> list[Answer]:
    """The answers of a job that are words."""
    return [
        Answer(result["task"], result.get("text", value))
        for _, result, value in _values(output)
        if isinstance(value, str)
    ]


def _values(output: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any], Any]]:
    for n, result in enumerate(output.get("results", [])):
        yield n, result, result["result"][result["task"]]


def _shapes(n: int, value: Mapping[str, Any]) -> Iterator[Shape]:
    colours: dict[str, int] = {}
    for m, (label, outlines) in enumerate(_places(value)):
        points = [float(number) for outline in outlines for number in outline]
        yield Shape(
            mark=f"{n}-{m}",
            label=label or "unnamed",
            colour=colours.setdefault(label, len(colours)) % COLOURS,
            outlines=[_points(outline) for outline in outlines],
            place=_box(points),
        )


def _places(value: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[Sequence[float]]]]:
    for kind in (kind for kind in _LABELS if kind in value):
        labels = value.get(_LABELS[kind], value.get("labels", []))
        for label, place in zip(labels, value[kind], strict=True):
            outlines = _outlines(kind, place)
            if outlines:
                yield label, outlines


def _outlines(kind: str, place: Any) -> list[Sequence[float]]:
    if kind == "bboxes":
        left, top, right, bottom = place
        return [(left, top, right, top, right, bottom, left, bottom)]
    outlines = [place] if kind == "quad_boxes" else place
    return [outline for outline in outlines if len(outline) >= 2 * _LEAST_POINTS]


def _points(outline: Sequence[float]) -> str:
    pairs = zip(outline[0::2], outline[1::2], strict=False)
    return " ".join(f"{x:g},{y:g}" for x, y in pairs)


def _box(points: Sequence[float]) -> str:
    across, down = points[0::2], points[1::2]
    return f"{min(across):.0f}, {min(down):.0f} to {max(across):.0f}, {max(down):.0f}"
