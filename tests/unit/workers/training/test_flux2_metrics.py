from collections.abc import Sequence

from PIL import Image

from workers.training.flux.adherence import check
from workers.training.flux.flux2_metrics import NAMES, REFERENCE_SIDE, evaluate
from workers.training.scenes.palette import SCENE_COLOURS
from workers.training.scenes.reference_example import ReferenceExample, unseen_examples
from workers.training.scenes.scene import draw

EXAMPLES, SEED = 8, 5


class FakeGenerator:
    """Draws the targets of the examples, or returns the first reference unchanged."""

    def __init__(self, *, copies: bool) -> None:
        self.copies = copies
        self.examples: list[ReferenceExample] = [
            example
            for count in NAMES
            for example in unseen_examples(SEED + count, [count] * EXAMPLES)
        ]
        self.seeds: list[int] = []

    def __call__(self, prompt: str, references: Sequence[Image.Image], seed: int) -> Image.Image:
        example = self.examples[len(self.seeds)]
        self.seeds.append(seed)
        assert (prompt, len(references)) == (example.prompt, len(example.references))
        for picture, scene in zip(references, example.references, strict=True):
            assert picture.size == (REFERENCE_SIDE, REFERENCE_SIDE)
            assert check(picture, scene).right
        return references[0] if self.copies and references else draw(example.target, REFERENCE_SIDE)


def test_all_shares_are_1_when_everything_is_drawn() -> None:
    generator = FakeGenerator(copies=False)
    metrics = evaluate(EXAMPLES, SEED, generator)
    assert set(metrics.values()) == {1.0}
    assert {name.split(":")[0] for name in metrics} == set(NAMES.values())
    assert generator.seeds == [*range(SEED, SEED + EXAMPLES)] * len(NAMES)


def test_a_copy_of_the_reference_is_not_right() -> None:
    metrics = evaluate(EXAMPLES, SEED, FakeGenerator(copies=True))
    assert metrics["words alone: right"] == 1
    assert metrics["one picture: right"] < 0.5
    assert metrics["one picture: background"] < 2 / len(SCENE_COLOURS)
    assert metrics["two pictures: colour and shape kept"] == 0
