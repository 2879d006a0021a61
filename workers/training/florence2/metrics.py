"""How well answers of a Florence-2 fit drawn canvases, for all fifteen tasks.

Nothing here knows how a question is asked: in this process, or over HTTP of a service.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from statistics import fmean
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from workers.training.detection_metrics import HALF, Detection, iou, match
from workers.training.scenes.canvas import (
    TEXT,
    Canvas,
    Item,
    sample_canvas,
    sample_string,
    sample_word,
)
from workers.training.scenes.palette import INK, SHAPES, Box, Point, lots
from workers.training.scenes.questions import absent_name
from workers.training.scenes.wording import (
    caption,
    detailed_caption,
    more_detailed_caption,
    named,
    position,
    sized,
)

Figures = dict[str, float]
"""Shares and mean overlaps, 0 to 1, by what they are of."""

Mask = npt.NDArray[np.bool_]

SUPERSAMPLING = 2
FULL = 255
_NAME = re.compile(rf"\b({'|'.join(INK)}) ({'|'.join((*SHAPES, TEXT))})\b")
_LOCATION = re.compile(r"<loc_\d+>")


class Ask(Protocol):
    """Asks a Florence-2 one question."""

    def __call__(
        self, picture: Image.Image, task: str, text: str, region: Box | None
    ) -> dict[str, Any]:
        """The answer as Florence-2's own processor gives it.

        Args:
            picture: what is asked about.
            task: the token, such as "<OD>".
            text: what a task that takes a text needs, otherwise "".
            region: what a task on a region needs, in pixels of the picture.

        Returns:
            One entry, {task: value}, with all coordinates in pixels of the picture.
        """
        ...


Marks = Iterator[tuple[str, float]]
"""What is judged, and how well it was done; a figure is the mean of its marks."""

Exam = Callable[[Canvas, Ask, Random], Marks]


def scored_canvases(seed: int, count: int) -> list[Canvas]:
    """Canvases to be asked about; every other one has a word of the list, or a number, on it."""
    rng = lots(seed)
    return [sample_canvas(rng, text=sample_word(rng) if n % 2 else "") for n in range(count)]


def lettered_canvases(seed: int, count: int) -> list[Canvas]:
    """Canvases each with two to five letters by lot: what no list of words helps to read."""
    rng = lots(seed)
    return [sample_canvas(rng, text=sample_string(rng)) for _ in range(count)]


def figures(
    canvases: Sequence[Canvas], ask: Ask, seed: int = 0, tasks: Iterable[str] | None = None
) -> Figures:
    """Ask about each canvas, and judge the answers.

    Args:
        canvases: what to ask about.
        ask: how to ask.
        seed: of the lots for which item of a canvas a question is about.
        tasks: the tokens of the tasks to ask; all fifteen when None.
    """
    rng = lots(seed)
    marks: dict[str, list[float]] = defaultdict(list)
    for canvas in canvases:
        for task in EXAMS if tasks is None else tasks:
            for name, mark in EXAMS[task](canvas, ask, rng):
                marks[name].append(mark)
    return {name: fmean(each) for name, each in marks.items()}


def _boxes(label: Callable[[Item], str], task: str, name: str) -> Exam:
    """Judges the boxes of all items, under these labels."""

    def exam(canvas: Canvas, ask: Ask, _: Random) -> Marks:
        value = ask(canvas.image, task, "", None)[task]
        wanted = [Detection(label(item), item.box) for item in canvas.items]
        yield from _box_marks(name, _detections(value["labels"], value["bboxes"]), wanted)

    return exam


def _detections(labels: Sequence[str], boxes: Sequence[Sequence[float]]) -> list[Detection]:
    return [
        Detection(label.strip().lower(), (box[0], box[1], box[2], box[3]))
        for label, box in zip(labels, boxes, strict=True)
    ]


def _box_marks(name: str, found: list[Detection], wanted: list[Detection]) -> Marks:
    pairs = match(found, wanted)
    hits = sum(pair.iou >= HALF for pair in pairs)
    for pair in pairs:
        yield f"{name}: mean IoU", pair.iou
        yield f"{name}: recall", float(pair.iou >= HALF)
    for number in range(len(found)):
        yield f"{name}: precision", float(number < hits)


def _sentences(say: Callable[[Canvas], str], task: str, name: str) -> Exam:
    """Judges a caption: every colour with its shape and no other, and word by word."""

    def exam(canvas: Canvas, ask: Ask, _: Random) -> Marks:
        said = ask(canvas.image, task, "", None)[task]
        shown = {item.name for item in canvas.items}
        yield f"{name}: colours and shapes", float(names_in(said) == shown)
        yield f"{name}: exact", float(said.strip() == say(canvas))

    return exam


def names_in(sentence: str) -> set[str]:
    """The items that a sentence names, each as "red circle"."""
    return {" ".join(found) for found in _NAME.findall(sentence.lower())}


def _reading(canvas: Canvas, ask: Ask, _: Random) -> Marks:
    said = ask(canvas.image, "<OCR>", "", None)["<OCR>"].strip()
    written = "".join(item.text for item in _texts(canvas))
    yield ("OCR: exact" if written else "OCR: nothing where nothing is"), float(said == written)


def _reading_with_region(canvas: Canvas, ask: Ask, _: Random) -> Marks:
    value = ask(canvas.image, "<OCR_WITH_REGION>", "", None)["<OCR_WITH_REGION>"]
    texts = _texts(canvas)
    said = [label.strip() for label in value["labels"]]
    yield "OCR with region: exact", float(said == [item.text for item in texts])
    for item in texts:
        boxes = [_around(_points(quad)) for quad in value["quad_boxes"]]
        yield "OCR with region: mean IoU", max((iou(box, item.box) for box in boxes), default=0.0)


def _grounding(canvas: Canvas, ask: Ask, _: Random) -> Marks:
    task = "<CAPTION_TO_PHRASE_GROUNDING>"
    value = ask(canvas.image, task, caption(canvas), None)[task]
    wanted = [Detection(named(item), item.box) for item in canvas.items]
    yield from _box_marks("grounding", _detections(value["labels"], value["bboxes"]), wanted)


def _open_vocabulary(canvas: Canvas, ask: Ask, rng: Random) -> Marks:
    """One class that is there, and one that is not."""
    task = "<OPEN_VOCABULARY_DETECTION>"
    item = rng.choice(canvas.items)
    value = ask(canvas.image, task, item.name, None)[task]
    found = _detections(value["bboxes_labels"], value["bboxes"])
    yield from _box_marks("open vocabulary", found, [Detection(item.name, item.box)])
    value = ask(canvas.image, task, absent_name(canvas, rng), None)[task]
    yield "open vocabulary: absent rejected", float(not value["bboxes"] + value["polygons"])


def _referring(canvas: Canvas, ask: Ask, rng: Random) -> Marks:
    if item := _one(_shapes(canvas), rng):
        task = "<REFERRING_EXPRESSION_SEGMENTATION>"
        value = ask(canvas.image, task, f"the {item.name}", None)[task]
        yield "referring segmentation: mask IoU", mask_iou(value, item, canvas.image.size)


def _region_segmentation(canvas: Canvas, ask: Ask, rng: Random) -> Marks:
    if item := _one(_shapes(canvas), rng):
        task = "<REGION_TO_SEGMENTATION>"
        value = ask(canvas.image, task, "", item.box)[task]
        yield "region to segmentation: mask IoU", mask_iou(value, item, canvas.image.size)


def _region(
    candidates: Callable[[Canvas], list[Item]], say: Callable[[Canvas, Item], str], what: str
) -> Exam:
    """Judges what is said about the region of one item."""
    task = f"<REGION_TO_{what.upper()}>"

    def exam(canvas: Canvas, ask: Ask, rng: Random) -> Marks:
        if item := _one(candidates(canvas), rng):
            said = _LOCATION.sub("", ask(canvas.image, task, "", item.box)[task])
            yield f"region to {what}: exact", float(said.strip() == say(canvas, item))

    return exam


def _one(items: list[Item], rng: Random) -> Item | None:
    return rng.choice(items) if items else None


def _shapes(canvas: Canvas) -> list[Item]:
    return [item for item in canvas.items if item.shape != TEXT]


def _texts(canvas: Canvas) -> list[Item]:
    return [item for item in canvas.items if item.shape == TEXT]


def _points(flat: Sequence[float]) -> list[Point]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def _around(points: list[Point]) -> Box:
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def mask_iou(value: dict[str, Any], item: Item, size: tuple[int, int]) -> float:
    """Intersection over union of all polygons of an answer and an item's true shape.

    Args:
        value: with "polygons": instances of polygons of x, y, x, y …, in pixels.
        item: what should be masked; a circle is its true disc.
        size: width and height of the picture.
    """
    polygons = [_points(polygon) for instance in value["polygons"] for polygon in instance]
    answered = _filled(polygons, size)
    wanted = _true_mask(item, size)
    union = (answered | wanted).sum()
    return float((answered & wanted).sum() / union) if union else 0.0


def _true_mask(item: Item, size: tuple[int, int]) -> Mask:
    if item.shape != "circle":
        return _filled([list(item.outline)], size)
    return _drawn(size, lambda pen: pen.ellipse(_finer(item.box), fill=FULL))


def _filled(polygons: Iterable[list[Point]], size: tuple[int, int]) -> Mask:
    def fill(pen: ImageDraw.ImageDraw) -> None:
        for polygon in polygons:
            pen.polygon([_finer(point) for point in polygon], fill=FULL)

    return _drawn(size, fill)


def _finer(lengths: Sequence[float]) -> tuple[float, ...]:
    return tuple(SUPERSAMPLING * length for length in lengths)


def _drawn(size: tuple[int, int], draw: Callable[[ImageDraw.ImageDraw], None]) -> Mask:
    width, height = size
    image = Image.new("L", (SUPERSAMPLING * width, SUPERSAMPLING * height))
    draw(ImageDraw.Draw(image))
    mask: Mask = np.asarray(image) > 0
    return mask


EXAMS: dict[str, Exam] = {
    "<CAPTION>": _sentences(caption, "<CAPTION>", "caption"),
    "<DETAILED_CAPTION>": _sentences(detailed_caption, "<DETAILED_CAPTION>", "detailed caption"),
    "<MORE_DETAILED_CAPTION>": _sentences(
        more_detailed_caption, "<MORE_DETAILED_CAPTION>", "more detailed caption"
    ),
    "<OD>": _boxes(lambda item: item.shape, "<OD>", "detection"),
    "<DENSE_REGION_CAPTION>": _boxes(
        lambda item: item.name, "<DENSE_REGION_CAPTION>", "dense captions"
    ),
    "<REGION_PROPOSAL>": _boxes(lambda _: "", "<REGION_PROPOSAL>", "proposals"),
    "<OCR>": _reading,
    "<OCR_WITH_REGION>": _reading_with_region,
    "<CAPTION_TO_PHRASE_GROUNDING>": _grounding,
    "<OPEN_VOCABULARY_DETECTION>": _open_vocabulary,
    "<REFERRING_EXPRESSION_SEGMENTATION>": _referring,
    "<REGION_TO_SEGMENTATION>": _region_segmentation,
    "<REGION_TO_CATEGORY>": _region(
        lambda canvas: list(canvas.items), lambda _, item: item.shape, "category"
    ),
    "<REGION_TO_DESCRIPTION>": _region(
        lambda canvas: list(canvas.items),
        lambda canvas, item: f"{sized(canvas, item)} {position(canvas, item)}",
        "description",
    ),
    "<REGION_TO_OCR>": _region(_texts, lambda _, item: item.text, "ocr"),
}
"""How each task is asked, and its answer judged."""
