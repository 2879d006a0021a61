from dataclasses import replace

from PIL import Image

from workers.training.detection_metrics import Detection
from workers.training.flux.flux1_metrics import figures
from workers.training.scenes.prompt import scene_from_prompt
from workers.training.scenes.scene import draw

SIDE = 256


class Drawer:
    """Draws what it is asked for, or the first object alone, and finds what it drew."""

    def __init__(self, objects: int) -> None:
        self.objects = objects
        self.found: list[Detection] = []
        self.seeds: list[int] = []

    def paint(self, prompt: str, seed: int) -> Image.Image:
        scene = scene_from_prompt(prompt)
        scene = replace(scene, objects=scene.objects[: self.objects])
        self.found = [Detection(each.thing.shape, each.box(SIDE)) for each in scene.objects]
        self.seeds.append(seed)
        return draw(scene, SIDE)

    def look(self, _picture: Image.Image) -> list[Detection]:
        return self.found


def test_all_is_right_where_everything_was_drawn() -> None:
    drawer = Drawer(objects=2)
    told = figures(12, 5, drawer.paint, drawer.look)
    assert drawer.seeds == list(range(5, 17))
    assert set(told.values()) == {1.0}
    assert {name.split(":")[0] for name in told} == {"one object", "two objects", "all"}


def test_what_is_missing_is_neither_right_nor_found() -> None:
    drawer = Drawer(objects=1)
    told = figures(12, 5, drawer.paint, drawer.look)
    assert told["one object: right"] == told["one object: objects found"] == 1
    assert told["two objects: right"] == told["two objects: colour"] == 0
    assert told["two objects: objects found"] == 0.5
    assert told["all: objects found"] == 12 / 18
    assert told["all: background"] == 1


def test_what_nobody_finds_is_not_found() -> None:
    drawer = Drawer(objects=2)
    told = figures(4, 5, drawer.paint, lambda _picture: [])
    assert told["all: objects found"] == 0
    assert told["all: right"] == 1
