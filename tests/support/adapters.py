"""Adapters that behave as a test scripts them, in place of a model."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from workers.adapters.protocol import Output, Painted, Report, ShouldStop, Stopped, Work
from workers.catalog.florence2.tasks import BY_TOKEN

Behaviour = Callable[[Sequence[Work], Report, ShouldStop], list[Output]]


def paint(batch: Sequence[Work], report: Report, _should_stop: ShouldStop) -> list[Output]:
    """Report two steps, then return a small red picture for each job."""
    report(1, 2)
    report(2, 2)
    return [Output((Painted(Image.new("RGB", (16, 16), "red"), seed=7),)) for _ in batch]


def paint_or_look(batch: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
    """Paint, or answer each task of Florence-2 in its own shape, as its model does."""
    if not hasattr(batch[0].parameters, "tasks"):
        return paint(batch, report, should_stop)
    return [Output(data={"results": [*map(_answer, work.parameters.tasks)]}) for work in batch]


_BOXES = {"bboxes": [[1.0, 2.0, 30.0, 20.0]], "labels": ["circle"]}
_OUTLINES = {"polygons": [[[1.0, 2.0, 30.0, 2.0, 30.0, 20.0]]], "labels": [""]}
_PLACES = {
    "<OCR_WITH_REGION>": {
        "quad_boxes": [[1.0, 2.0, 30.0, 2.0, 30.0, 20.0, 1.0, 20.0]],
        "labels": ["a"],
    },
    "<OPEN_VOCABULARY_DETECTION>": {
        "bboxes": _BOXES["bboxes"],
        "bboxes_labels": ["circle"],
        "polygons": [],
        "polygons_labels": [],
    },
    "<REFERRING_EXPRESSION_SEGMENTATION>": _OUTLINES,
    "<REGION_TO_SEGMENTATION>": _OUTLINES,
}
"""The values of tasks whose answers have locations, if these are not boxes."""


def _answer(token: str) -> dict[str, Any]:
    task = BY_TOKEN[token]
    has_words = not task.places or (task.takes_region and not task.outlines)
    value: Any = "a circle" if has_words else _PLACES.get(token, _BOXES)
    scores = {"scores": [0.9], "raw_scores": [0.2], "calibrated": True}
    answer = {"task": token, "result": {token: value}, **scores}
    return {**answer, "finish_reason": "stop", "warnings": []}


@dataclass
class ScriptedAdapter:
    """An `Adapter` that records every batch and behaves by its script, then like `otherwise`."""

    script: list[Behaviour] = field(default_factory=list)
    otherwise: Behaviour = paint
    batches: list[Sequence[Work]] = field(default_factory=list)

    def load(self) -> None:
        """Do nothing: there is no model."""

    def run(self, batch: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
        """Run the next behaviour of the script."""
        self.batches.append(batch)
        behave = self.script.pop(0) if self.script else self.otherwise
        return behave(batch, report, should_stop)


@dataclass
class Gate:
    """A behaviour that waits in the middle of its run until it is opened or must stop."""

    entered: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def __call__(
        self, batch: Sequence[Work], report: Report, should_stop: ShouldStop
    ) -> list[Output]:
        """Report one step, then wait."""
        report(1, 2)
        self.entered.set()
        while not self.opened.wait(0.01):
            if should_stop():
                raise Stopped("told to")
        return paint(batch, report, should_stop)


def raising(error: Exception) -> Behaviour:
    """A behaviour that fails the whole batch."""

    def behave(_batch: Sequence[Work], _report: Report, _should_stop: ShouldStop) -> list[Output]:
        raise error

    return behave
