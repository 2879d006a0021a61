"""Pictures, tasks and requests for the tests of Florence-2."""

from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageDraw

from workers.adapters.florence2.adapter import Florence2Adapter
from workers.adapters.protocol import Output, Work
from workers.catalog import find
from workers.catalog.florence2.tasks import Florence2Task

DEMO = find("florence-2-demo")
SIZE = (320, 240)
BOX = (150, 60, 240, 150)
Json = dict[str, Any]


def loaded_demo() -> Florence2Adapter:
    """The demo model on the CPU."""
    adapter = Florence2Adapter(DEMO, "cpu", {})
    adapter.load()
    return adapter


def red_circle(background: tuple[int, int, int] = (250, 250, 250)) -> Image.Image:
    """A picture of `SIZE` with one large circle in `BOX`."""
    picture = Image.new("RGB", SIZE, background)
    ImageDraw.Draw(picture).ellipse(BOX, fill=(214, 38, 38))
    return picture


def task_input(task: Florence2Task, region: Sequence[float] = BOX) -> Json:
    """The input of a task beside the picture."""
    text = {"text": "red circle"} if task.takes_text else {}
    return text | ({"region": list(region)} if task.takes_region else {})


def work(picture: Image.Image | None = None, **input_: Any) -> Work:
    """A job that analyzes the red circle, or another picture."""
    return Work(DEMO.parameters(image="file_1", **input_), {"image": [picture or red_circle()]})


def outputs(adapter: Florence2Adapter, *works: Work) -> list[Output]:
    """The outputs of one batch."""
    return adapter.run(works, lambda _step, _steps: None, lambda: False)


def look(adapter: Florence2Adapter, *works: Work) -> list[Json]:
    """The outputs of one batch as JSON."""
    return [output.data or {} for output in outputs(adapter, *works)]


def first_result(adapter: Florence2Adapter, **input_: Any) -> Json:
    """The result of the first task about the red circle."""
    results: list[Json] = look(adapter, work(**input_))[0]["results"]
    return results[0]


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(width, 0) * max(height, 0)
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)]
    return common / (sum(areas) - common)
