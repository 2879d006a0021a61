"""Metrics of the demo FLUX.2: adherence to unseen examples, with and without references."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from workers.training.flux.adherence import Adherence, check
from workers.training.flux.flux1_metrics import ASPECTS, Metrics
from workers.training.scenes.reference_example import ReferenceExample, unseen_examples
from workers.training.scenes.scene import draw

ReferenceImageGenerator = Callable[[str, Sequence[Image.Image], int], Image.Image]
"""Generates the picture of a prompt with reference pictures and a seed."""

NAMES = {0: "words alone", 1: "one picture", 2: "two pictures"}
"""The kinds of examples by the number of reference pictures."""
REFERENCE_SIDE = 256


@dataclass(frozen=True)
class PictureScore:
    """An example with the result of checking its picture."""

    example: ReferenceExample
    adherence: Adherence

    @property
    def kept(self) -> bool:
        """True when every object has the colour and the shape of its reference."""
        return self.adherence.colour and self.adherence.shape


def evaluate(
    examples: int,
    seed: int,
    generate: ReferenceImageGenerator,
    side: int = REFERENCE_SIDE,
    max_references: int = 2,
) -> Metrics:
    """Generate and check pictures of unseen examples.

    Args:
        examples: the number of examples of each kind.
        seed: the seed of the examples, and of the first picture; each picture has the next seed.
        generate: generates the pictures.
        side: the side of the reference pictures in pixels.
        max_references: the largest number of references.

    Returns:
        The shares of right pictures by kind, and of those that keep their references' objects.
    """
    metrics: Metrics = {}
    for count in range(max_references + 1):
        scores = [
            _score(example, generate, seed + number, side)
            for number, example in enumerate(unseen_examples(seed + count, [count] * examples))
        ]
        metrics |= _shares(NAMES[count], scores)
        if count:
            kept = _share([each.kept for each in scores])
            metrics[f"{NAMES[count]}: colour and shape kept"] = kept
    return metrics


def _score(
    example: ReferenceExample, generate: ReferenceImageGenerator, seed: int, side: int
) -> PictureScore:
    references = [draw(scene, side) for scene in example.references]
    picture = generate(example.prompt, references, seed)
    return PictureScore(example, check(picture, example.target))


def _shares(kind: str, scores: Sequence[PictureScore]) -> Metrics:
    return {
        f"{kind}: {aspect}": _share([getattr(each.adherence, aspect) for each in scores])
        for aspect in ASPECTS
    }


def _share(marks: Sequence[bool]) -> float:
    return sum(marks) / len(marks)
