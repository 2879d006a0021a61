"""Metrics of a Florence-2's answers about drawn canvases, for all fifteen tasks.

They do not depend on the predictor: a model in this process, or a service over HTTP.
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

from workers.training.common.detection_metrics import IOU_THRESHOLD, Detection, iou, match
from workers.training.scenes.canvas import (
    TEXT,
    Canvas,
    Item,
    sample_canvas,
    sample_letters,
    sample_word,
)
from workers.training.scenes.descriptions import (
    caption,
    detailed_caption,
    more_detailed_caption,
    named,
    position,
    sized,
)
from workers.training.scenes.palette import ITEM_COLOURS, SHAPES, Box, Point, seeded_random
from workers.training.scenes.questions import absent_name

Metrics = dict[str, float]
"""Shares and mean overlaps, 0 to 1, by name."""

Mask = npt.NDArray[np.bool_]

SUPERSAMPLING = 2
FULL = 255
_NAME = re.compile(rf"\b({'|'.join(ITEM_COLOURS)}) ({'|'.join((*SHAPES, TEXT))})\b")
_LOCATION = re.compile(r"<loc_\d+>")


class Predictor(Protocol):
    """A Florence-2 that answers one question at a time."""

    def __call__(
        self, picture: Image.Image, task: str, text: str, region: Box | None
    ) -> dict[str, Any]:
        """The answer in the format of Florence-2's own processor.

        Args:
            picture: the input picture.
            task: the task token, such as "<OD>".
            text: the text of a task that takes one, otherwise "".
            region: the region of a task that takes one, in pixels of the picture.

        Returns:
            One entry, {task: value}, with all coordinates in pixels of the picture.
        """
        ...


Scores = Iterator[tuple[str, float]]
"""Names of metrics with single scores; a metric is the mean of its scores."""

TaskScorer = Callable[[Canvas, Predictor, Random], Scores]


def scored_canvases(seed: int, count: int) -> list[Canvas]:
    """Canvases for scoring; every other one has a word of the list, or a number, on it."""
    rng = seeded_random(seed)
    return [sample_canvas(rng, text=sample_word(rng) if n % 2 else "") for n in range(count)]


def lettered_canvases(seed: int, count: int) -> list[Canvas]:
    """Canvases with two to five random letters each, which knowing the words does not help with."""
    rng = seeded_random(seed)
    return [sample_canvas(rng, text=sample_letters(rng)) for _ in range(count)]


def evaluate(
    canvases: Sequence[Canvas],
    predict: Predictor,
    seed: int = 0,
    tasks: Iterable[str] | None = None,
) -> Metrics:
    """Ask questions about each canvas, and score the answers.

    Args:
        canvases: the canvases to ask about.
        predict: answers the questions.
        seed: the seed of the choice of the item that a question is about.
        tasks: the tokens of the tasks to ask; all fifteen when None.
    """
    rng = seeded_random(seed)
    scores: dict[str, list[float]] = defaultdict(list)
    for canvas in canvases:
        for task in SCORERS if tasks is None else tasks:
            for name, score in SCORERS[task](canvas, predict, rng):
                scores[name].append(score)
    return {name: fmean(each) for name, each in scores.items()}


def _boxes(label: Callable[[Item], str], task: str, name: str) -> TaskScorer:
    """A scorer of the boxes of all items, with these labels."""

    def score(canvas: Canvas, predict: Predictor, _: Random) -> Scores:
        value = predict(canvas.image, task, "", None)[task]
        targets = [Detection(label(item), item.box) for item in canvas.items]
        yield from _box_scores(name, _detections(value["labels"], value["bboxes"]), targets)

    return score


def _detections(labels: Sequence[str], boxes: Sequence[Sequence[float]]) -> list[Detection]:
    return [
        Detection(label.strip().lower(), (box[0], box[1], box[2], box[3]))
        for label, box in zip(labels, boxes, strict=True)
    ]


def _box_scores(name: str, detections: list[Detection], targets: list[Detection]) -> Scores:
    pairs = match(detections, targets)
    hits = sum(pair.iou >= IOU_THRESHOLD for pair in pairs)
    for pair in pairs:
        yield f"{name}: mean IoU", pair.iou
        yield f"{name}: recall", float(pair.iou >= IOU_THRESHOLD)
    for number in range(len(detections)):
        yield f"{name}: precision", float(number < hits)


def _sentences(describe: Callable[[Canvas], str], task: str, name: str) -> TaskScorer:
    """A scorer of captions: by the named items, and by exact equality."""

    def score(canvas: Canvas, predict: Predictor, _: Random) -> Scores:
        answer = predict(canvas.image, task, "", None)[task]
        names = {item.name for item in canvas.items}
        yield f"{name}: colours and shapes", float(names_in(answer) == names)
        yield f"{name}: exact", float(answer.strip() == describe(canvas))

    return score


def names_in(sentence: str) -> set[str]:
    """The names of the items in a sentence, such as "red circle"."""
    return {" ".join(found) for found in _NAME.findall(sentence.lower())}


def _reading(canvas: Canvas, predict: Predictor, _: Random) -> Scores:
    answer = predict(canvas.image, "<OCR>", "", None)["<OCR>"].strip()
    written = "".join(item.text for item in _texts(canvas))
    yield ("OCR: exact" if written else "OCR: nothing where nothing is"), float(answer == written)


def _reading_with_region(canvas: Canvas, predict: Predictor, _: Random) -> Scores:
    value = predict(canvas.image, "<OCR_WITH_REGION>", "", None)["<OCR_WITH_REGION>"]
    texts = _texts(canvas)
    answer = [label.strip() for label in value["labels"]]
    yield "OCR with region: exact", float(answer == [item.text for item in texts])
    for item in texts:
        boxes = [_around(_points(quad)) for quad in value["quad_boxes"]]
        yield "OCR with region: mean IoU", max((iou(box, item.box) for box in boxes), default=0.0)


def _grounding(canvas: Canvas, predict: Predictor, _: Random) -> Scores:
    task = "<CAPTION_TO_PHRASE_GROUNDING>"
    value = predict(canvas.image, task, caption(canvas), None)[task]
    targets = [Detection(named(item), item.box) for item in canvas.items]
    yield from _box_scores("grounding", _detections(value["labels"], value["bboxes"]), targets)


def _open_vocabulary(canvas: Canvas, predict: Predictor, rng: Random) -> Scores:
    """Score a class that is on the canvas, and one that is not."""
    task = "<OPEN_VOCABULARY_DETECTION>"
    item = rng.choice(canvas.items)
    value = predict(canvas.image, task, item.name, None)[task]
    found = _detections(value["bboxes_labels"], value["bboxes"])
    yield from _box_scores("open vocabulary", found, [Detection(item.name, item.box)])
    value = predict(canvas.image, task, absent_name(canvas, rng), None)[task]
    yield "open vocabulary: absent rejected", float(not value["bboxes"] + value["polygons"])


def _referring(canvas: Canvas, predict: Predictor, rng: Random) -> Scores:
    if item := _one(_shapes(canvas), rng):
        task = "<REFERRING_EXPRESSION_SEGMENTATION>"
        value = predict(canvas.image, task, f"the {item.name}", None)[task]
        yield "referring segmentation: mask IoU", mask_iou(value, item, canvas.image.size)


def _region_segmentation(canvas: Canvas, predict: Predictor, rng: Random) -> Scores:
    if item := _one(_shapes(canvas), rng):
        task = "<REGION_TO_SEGMENTATION>"
        value = predict(canvas.image, task, "", item.box)[task]
        yield "region to segmentation: mask IoU", mask_iou(value, item, canvas.image.size)


def _region(
    candidates: Callable[[Canvas], list[Item]], describe: Callable[[Canvas, Item], str], target: str
) -> TaskScorer:
    """A scorer of the answer about the region of one item."""
    task = f"<REGION_TO_{target.upper()}>"

    def score(canvas: Canvas, predict: Predictor, rng: Random) -> Scores:
        if item := _one(candidates(canvas), rng):
            answer = _LOCATION.sub("", predict(canvas.image, task, "", item.box)[task])
            yield f"region to {target}: exact", float(answer.strip() == describe(canvas, item))

    return score


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
    """Intersection over union of all polygons of an answer and an item's exact shape.

    Args:
        value: with "polygons": instances of polygons of x, y, x, y …, in pixels.
        item: the item that should be masked; a circle is an exact disc.
        size: width and height of the picture.
    """
    polygons = [_points(polygon) for instance in value["polygons"] for polygon in instance]
    answer = _fill(polygons, size)
    target = _exact_mask(item, size)
    union = (answer | target).sum()
    return float((answer & target).sum() / union) if union else 0.0


def _exact_mask(item: Item, size: tuple[int, int]) -> Mask:
    if item.shape != "circle":
        return _fill([list(item.outline)], size)
    return _draw_mask(size, lambda pen: pen.ellipse(_upscale(item.box), fill=FULL))


def _fill(polygons: Iterable[list[Point]], size: tuple[int, int]) -> Mask:
    def fill(pen: ImageDraw.ImageDraw) -> None:
        for polygon in polygons:
            pen.polygon([_upscale(point) for point in polygon], fill=FULL)

    return _draw_mask(size, fill)


def _upscale(lengths: Sequence[float]) -> tuple[float, ...]:
    return tuple(SUPERSAMPLING * length for length in lengths)


def _draw_mask(size: tuple[int, int], draw: Callable[[ImageDraw.ImageDraw], None]) -> Mask:
    width, height = size
    image = Image.new("L", (SUPERSAMPLING * width, SUPERSAMPLING * height))
    draw(ImageDraw.Draw(image))
    mask: Mask = np.asarray(image) > 0
    return mask


SCORERS: dict[str, TaskScorer] = {
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
"""The function that asks and scores each task, by task token."""
