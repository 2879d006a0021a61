"""Questions about pictures with what is true of them, for judging answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from workers.catalog.florence2.instances import Box, Points
from workers.catalog.florence2.tasks import Florence2Task


@dataclass(frozen=True)
class Target:
    """A true instance, in pixels of the picture.

    Attributes:
        label: its label as the answer should have it; "" where the task gives none.
        box: left, top, right, bottom.
        outlines: polygons that together outline it; none where only the box is known.
    """

    label: str
    box: Box
    outlines: tuple[Points, ...] = ()


@dataclass(frozen=True)
class Case:
    """One question about a picture, and the true answer.

    Attributes:
        picture: the number of the picture; cases of one picture follow each other.
        image: RGB, upright.
        task: the task that is asked.
        inputs: the job's `text` or `region`, where the task takes one.
        targets: the true instances.
        labels: the labels that can be judged, casefolded; None for any.
    """

    picture: int
    image: Image.Image
    task: Florence2Task
    inputs: Mapping[str, Any]
    targets: tuple[Target, ...]
    labels: frozenset[str] | None = None
