from dataclasses import replace

from PIL import Image

from workers.training.common.detection_metrics import Detection
from workers.training.flux.flux1_metrics import evaluate, with_insertion
from workers.training.scenes.prompt_parser import parse_prompt
from workers.training.scenes.scene import draw

SIDE = 256


class FakeModels:
    """Draws the first objects of a prompt, and detects exactly those."""

    def __init__(self, objects: int) -> None:
        self.objects = objects
        self.drawn: list[Detection] = []
        self.seeds: list[int] = []

    def generate(self, prompt: str, seed: int) -> Image.Image:
        scene = parse_prompt(prompt)
        scene = replace(scene, objects=scene.objects[: self.objects])
        self.drawn = [Detection(each.thing.shape, each.box(SIDE)) for each in scene.objects]
        self.seeds.append(seed)
        return draw(scene, SIDE)

    def detect(self, _picture: Image.Image) -> list[Detection]:
        return self.drawn


def test_all_shares_are_1_when_everything_is_drawn() -> None:
    models = FakeModels(objects=2)
    metrics = evaluate(12, 5, models.generate, models.detect)
    assert models.seeds == list(range(5, 17))
    assert set(metrics.values()) == {1.0}
    assert {name.split(":")[0] for name in metrics} == {"one object", "two objects", "all"}


def test_a_missing_object_is_neither_right_nor_found() -> None:
    models = FakeModels(objects=1)
    metrics = evaluate(12, 5, models.generate, models.detect)
    assert metrics["one object: right"] == metrics["one object: objects found"] == 1
    assert metrics["two objects: right"] == metrics["two objects: colour"] == 0
    assert metrics["two objects: objects found"] == 0.5
    assert metrics["all: objects found"] == 12 / 18
    assert metrics["all: background"] == 1


def test_objects_that_are_not_detected_are_not_found() -> None:
    models = FakeModels(objects=2)
    metrics = evaluate(4, 5, models.generate, lambda _picture: [])
    assert metrics["all: objects found"] == 0
    assert metrics["all: right"] == 1


def test_a_text_is_inserted_after_so_many_words() -> None:
    prompt = "a red circle on a blue background"
    assert with_insertion(prompt, "</s>", 3) == "a red circle </s> on a blue background"
    assert with_insertion(prompt, "very very", 0) == f"very very {prompt}"
    assert with_insertion(prompt, "", 3) == prompt
