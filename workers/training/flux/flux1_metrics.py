"""How well the demo FLUX paints unseen prompts, and what the demo Florence-2 finds of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from workers.training.detection_metrics import Detection, match
from workers.training.flux.adherence import Adherence, check
from workers.training.scenes.scene import Scene, unseen_scenes

Paint = Callable[[str, int], Image.Image]
"""Paints a prompt with a seed."""
Look = Callable[[Image.Image], Sequence[Detection]]
"""Finds the objects in a picture, with boxes in its pixels."""
Figures = dict[str, float]

ASPECTS = ("right", "background", "colour", "shape", "place", "clean")
COUNTS = (1, 2)
NAMES = {1: "one object", 2: "two objects"}
FOUND_FROM = 0.5


@dataclass(frozen=True)
class Painted:
    """A picture's marks.

    Attributes:
        objects: how many were asked for.
        adherence: what the checker says.
        found: how many of the objects were found at a place where the checker sees them, under
            their shape's name.
    """

    objects: int
    adherence: Adherence
    found: int


def figures(prompts: int, seed: int, paint: Paint, look: Look) -> Figures:
    """Shares of pictures that are right, by kind, and of objects that are found.

    Args:
        prompts: how many, every other one of two objects.
        seed: of the prompts; each is painted with a seed of its own, counted up from it.
        paint: the painter.
        look: who looks at its pictures.
    """
    scenes = unseen_scenes(seed, [COUNTS[n % len(COUNTS)] for n in range(prompts)])
    painted = [
        _painted(scene, paint(scene.caption, seed + number), look)
        for number, scene in enumerate(scenes)
    ]
    told: Figures = {}
    for count in COUNTS:
        told |= _shares(NAMES[count], [each for each in painted if each.objects == count])
    return told | _shares("all", painted)


def _painted(scene: Scene, picture: Image.Image, look: Look) -> Painted:
    seen = check(picture, scene)
    wanted = [
        Detection(placed.thing.shape, box)
        for placed, box in zip(scene.objects, seen.boxes, strict=True)
        if box is not None
    ]
    matches = match(look(picture), wanted)
    found = sum(pair.iou >= FOUND_FROM for pair in matches)
    return Painted(len(scene.objects), seen, found)


def _shares(kind: str, painted: Sequence[Painted]) -> Figures:
    if not painted:
        return {}
    shares = {
        f"{kind}: {aspect}": sum(getattr(each.adherence, aspect) for each in painted) / len(painted)
        for aspect in ASPECTS
    }
    objects = sum(each.objects for each in painted)
    return shares | {f"{kind}: objects found": sum(each.found for each in painted) / objects}
