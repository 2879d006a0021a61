"""Cases from drawn scenes: the demo model's own, plain and worn."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from workers.catalog.florence2.calibration import CALIBRATED
from workers.catalog.florence2.region import from_bins
from workers.catalog.florence2.tasks import Florence2Task
from workers.training.calibration.cases import Case, Target
from workers.training.scenes.absent_questions import make_absent_question
from workers.training.scenes.canvas import Canvas, Item, sample_canvas, sample_word
from workers.training.scenes.descriptions import named, position, sized
from workers.training.scenes.palette import seeded_random
from workers.training.scenes.questions import Question, make_question
from workers.training.scenes.scene_canvas import sample_scene_canvas

SCENE_SHARE = 0.2
"""The share of pictures that are scenes of the demo FLUX, as in training."""

COARSEST, FLATTEST, NOISIEST = 10.0, 0.85, 50.0
"""The most that a picture is worn: pixels made one, contrast lost, and levels of noise."""

SOUGHT = tuple(task for task in CALIBRATED if task.takes_text)
"""The tasks that look for a given text, and may find what is not there."""

_LEVELS, _MIDDLE = 255, 128
_LOCATION = re.compile(r"<loc_(\d+)>")


def plain_cases(seed: int, count: int) -> Iterator[Case]:
    """The cases of so many scenes as training draws them, a question of each task about each."""
    rng = seeded_random(seed)
    for number in range(count):
        yield from _cases(number, _sample(number, rng), rng)


def worn_cases(seed: int, count: int) -> Iterator[Case]:
    """The same of pictures that are coarse, pale and noisy: answers to them are often wrong."""
    rng = seeded_random(seed)
    for number in range(count):
        yield from _cases(number, worn(_sample(number, rng), rng), rng)


def absent_cases(seed: int, count: int) -> Iterator[Case]:
    """Questions that name what is absent from so many scenes, of each task that looks for a text.

    The thing alone, or beside one that is there, or a list with one name twice. Every other scene
    is worn.
    """
    rng = seeded_random(seed)
    for number in range(count):
        canvas = _sample(number, rng)
        if number % 2:
            canvas = worn(canvas, rng)
        for task in SOUGHT:
            yield _case(number, canvas, task, make_absent_question(canvas, task.token, rng))


def _sample(number: int, rng: Random) -> Canvas:
    if rng.random() < SCENE_SHARE:
        return sample_scene_canvas(rng)
    return sample_canvas(rng, text=sample_word(rng) if number % 2 else "")


def worn(canvas: Canvas, rng: Random) -> Canvas:
    """A canvas whose picture has lost detail and contrast, and gained noise, more or less."""
    wear = rng.random()
    coarse = 1 + (COARSEST - 1) * wear * rng.random()
    size = canvas.image.size
    small = canvas.image.resize(
        (max(1, round(size[0] / coarse)), max(1, round(size[1] / coarse))), Image.Resampling.BOX
    )
    levels = np.asarray(small.resize(size, Image.Resampling.BICUBIC), np.float64)
    levels = _MIDDLE + (levels - _MIDDLE) * (1 - FLATTEST * wear * rng.random())
    noise = np.random.default_rng(rng.getrandbits(32))
    levels = levels + noise.normal(0, NOISIEST * wear * rng.random(), levels.shape)
    image = Image.fromarray(levels.clip(0, _LEVELS).astype(np.uint8))
    return replace(canvas, image=image)


def _cases(number: int, canvas: Canvas, rng: Random) -> Iterator[Case]:
    for task in CALIBRATED:
        question = make_question(canvas, task.token, rng)
        if question is not None:
            yield _case(number, canvas, task, question)


def _case(number: int, canvas: Canvas, task: Florence2Task, question: Question) -> Case:
    inputs: dict[str, Any] = {"text": question.text} if task.takes_text else {}
    if task.takes_region:
        inputs["region"] = _region(canvas, question)
    label = _LABELS[task.token]
    targets = [_target(label(canvas, item, question), item) for item in question.items]
    if task.takes_region and not task.outlines:
        # Words are right or not; their place is the region that was asked about.
        targets = [replace(each, box=tuple(inputs["region"]), outlines=()) for each in targets]
    return Case(number, canvas.image, task, inputs, tuple(targets))


def _region(canvas: Canvas, question: Question) -> list[float]:
    left, top, right, bottom = map(int, _LOCATION.findall(question.text))
    return from_bins((left, top, right, bottom), canvas.image.size)


def _target(label: str, item: Item) -> Target:
    return Target(label, item.box, (tuple(edge for point in item.outline for edge in point),))


def _of_class(_canvas: Canvas, item: Item, question: Question) -> str:
    """The label in an answer about classes: a shape alone where that was asked for."""
    return item.shape if question.text == item.shape else item.name


_LABELS: Mapping[str, Callable[[Canvas, Item, Question], str]] = {
    "<OD>": lambda _canvas, item, _question: item.shape,
    "<DENSE_REGION_CAPTION>": lambda _canvas, item, _question: item.name,
    "<REGION_PROPOSAL>": lambda *_: "",
    "<CAPTION_TO_PHRASE_GROUNDING>": lambda _canvas, item, _question: named(item),
    "<OPEN_VOCABULARY_DETECTION>": _of_class,
    "<REFERRING_EXPRESSION_SEGMENTATION>": lambda _canvas, _item, question: question.text,
    "<REGION_TO_SEGMENTATION>": lambda *_: "",
    "<REGION_TO_CATEGORY>": lambda _canvas, item, _question: item.shape,
    "<REGION_TO_DESCRIPTION>": lambda canvas, item, _question: (
        f"{sized(canvas, item)} {position(canvas, item)}"
    ),
    "<REGION_TO_OCR>": lambda _canvas, item, _question: item.text,
    "<OCR_WITH_REGION>": lambda _canvas, item, _question: item.text,
}
"""The label of an item in the right answer, by task."""
