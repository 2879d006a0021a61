"""Metrics of the demo FLUX: adherence to unseen prompts, and objects that Florence-2 detects."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from workers.training.common.detection_metrics import Detection, match
from workers.training.flux.adherence import Adherence, check
from workers.training.scenes.scene import Scene, unseen_scenes

ImageGenerator = Callable[[str, int], Image.Image]
"""Generates the picture of a prompt with a seed."""
ObjectDetector = Callable[[Image.Image], Sequence[Detection]]
"""Detects the objects in a picture, with boxes in its pixels."""
Metrics = dict[str, float]

ASPECTS = ("right", "background", "colour", "shape", "place", "clean")
COUNTS = (1, 2)
NAMES = {1: "one object", 2: "two objects"}
FOUND_IOU = 0.5
"""The IoU from which an object counts as found."""


@dataclass(frozen=True)
class PictureScore:
    """The scores of one picture.

    Attributes:
        objects: the number of objects in the prompt.
        adherence: the result of the check.
        found: the number of objects that were detected with the right shape, at the place where
            the check finds them.
    """

    objects: int
    adherence: Adherence
    found: int


def with_insertion(prompt: str, text: str, after: int) -> str:
    """A prompt with a text after so many of its words."""
    words = prompt.split(" ")
    return " ".join([*words[:after], *filter(None, [text]), *words[after:]])


def evaluate(prompts: int, seed: int, generate: ImageGenerator, detect: ObjectDetector) -> Metrics:
    """Generate and check pictures of unseen prompts.

    Args:
        prompts: the number of prompts; every other one has two objects.
        seed: the seed of the prompts, and of the first picture; each picture has the next seed.
        generate: generates the pictures.
        detect: detects the objects in them.

    Returns:
        The shares of right pictures by kind, and of objects found.
    """
    scenes = unseen_scenes(seed, [COUNTS[n % len(COUNTS)] for n in range(prompts)])
    scores = [
        _score(scene, generate(scene.caption, seed + number), detect)
        for number, scene in enumerate(scenes)
    ]
    metrics: Metrics = {}
    for count in COUNTS:
        metrics |= _shares(NAMES[count], [each for each in scores if each.objects == count])
    return metrics | _shares("all", scores)


def _score(scene: Scene, picture: Image.Image, detect: ObjectDetector) -> PictureScore:
    adherence = check(picture, scene)
    targets = [
        Detection(placed.thing.shape, box)
        for placed, box in zip(scene.objects, adherence.boxes, strict=True)
        if box is not None
    ]
    matches = match(detect(picture), targets)
    found = sum(pair.iou >= FOUND_IOU for pair in matches)
    return PictureScore(len(scene.objects), adherence, found)


def _shares(kind: str, scores: Sequence[PictureScore]) -> Metrics:
    if not scores:
        return {}
    shares = {
        f"{kind}: {aspect}": sum(getattr(each.adherence, aspect) for each in scores) / len(scores)
        for aspect in ASPECTS
    }
    objects = sum(each.objects for each in scores)
    return shares | {f"{kind}: objects found": sum(each.found for each in scores) / objects}
