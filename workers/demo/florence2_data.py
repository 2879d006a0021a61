"""Batches for training a demo Florence-2: pictures, questions, and what lies under each cell."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from random import Random

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from transformers import Florence2Processor

from workers.demo.florence2_parts import DEVIATION, END, GRID, MEAN, PAD, SIDE, START
from workers.demo.scenes.canvas import CHARACTERS, TEXT, Canvas, Item, sample_canvas
from workers.demo.scenes.palette import INK, PAPER, SHAPES
from workers.demo.scenes.questions import READING_TASKS, Question, ask
from workers.demo.scenes.wording import location_bin

TASK_WEIGHTS = {
    "<CAPTION>": 1.0,
    "<DETAILED_CAPTION>": 1.0,
    "<MORE_DETAILED_CAPTION>": 0.5,
    "<OD>": 2.0,
    "<DENSE_REGION_CAPTION>": 1.2,
    "<REGION_PROPOSAL>": 0.7,
    "<OCR>": 1.6,
    "<OCR_WITH_REGION>": 1.2,
    "<CAPTION_TO_PHRASE_GROUNDING>": 1.5,
    "<OPEN_VOCABULARY_DETECTION>": 1.2,
    "<REFERRING_EXPRESSION_SEGMENTATION>": 1.2,
    "<REGION_TO_SEGMENTATION>": 0.4,
    "<REGION_TO_CATEGORY>": 0.9,
    "<REGION_TO_DESCRIPTION>": 0.4,
    "<REGION_TO_OCR>": 0.7,
}
IDLE_READING = 0.85
"""The share of reading questions that is left out where there is no word."""
IDLE_LOOKING = 0.3
"""The share of other questions that is left out where there is one."""
IGNORED = -100
"""Stands for "nothing to learn here" in targets."""
CLASSES = ("nothing", *SHAPES, TEXT)
SPELLINGS_KEPT = 100_000

Cells = npt.NDArray[np.int64]


def pixels(picture: Image.Image) -> npt.NDArray[np.float32]:
    """A picture as the processor gives it to the model: (3, 192, 192), normalised."""
    small = picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    levels = np.asarray(small, np.float32) / 255
    normal = (levels - np.array(MEAN)) / np.array(DEVIATION)
    planes: npt.NDArray[np.float32] = normal.astype(np.float32).transpose(2, 0, 1)
    return planes


@dataclass(frozen=True)
class GridTargets:
    """What lies under each of the 8 by 8 cells of n pictures.

    Attributes:
        classes: (n, 8, 8), indices into `CLASSES`.
        colours: (n, 8, 8), indices into `INK`; ignored where there is nothing.
        boxes: (n, 8, 8, 4), location bins of the whole item's box.
        characters: (n, 8, 8, 2), indices into `CHARACTERS`, of the cell's left and right half.
        backgrounds: (n,), indices into `PAPER`.
    """

    classes: Tensor
    colours: Tensor
    boxes: Tensor
    characters: Tensor
    backgrounds: Tensor

    def to(self, device: torch.device) -> "GridTargets":
        """The same on another device."""
        return GridTargets(*(getattr(self, field.name).to(device) for field in fields(self)))


@dataclass(frozen=True)
class Batch:
    """A batch of n pictures with k questions each.

    Attributes:
        pictures: (n, 3, 192, 192).
        prompts, answers: (n · k, longest) token ids, padded at the end; the k of a picture in a
            row. None when k is 0.
        grid: what lies under each cell.
    """

    pictures: Tensor
    prompts: Tensor | None
    answers: Tensor | None
    grid: GridTargets


def grid_targets(canvases: Sequence[Canvas]) -> GridTargets:
    """What lies under each cell of these canvases."""
    columns = zip(*map(_cells, canvases), strict=True)
    classes, colours, boxes, characters = (torch.from_numpy(np.stack(each)) for each in columns)
    backgrounds = torch.tensor([list(PAPER).index(canvas.background) for canvas in canvases])
    return GridTargets(classes, colours, boxes, characters, backgrounds)


def _cells(canvas: Canvas) -> tuple[Cells, Cells, Cells, Cells]:
    classes = np.zeros((GRID, GRID), np.int64)
    colours = np.full((GRID, GRID), IGNORED, np.int64)
    boxes = np.zeros((GRID, GRID, 4), np.int64)
    characters = np.full((GRID, GRID, 2), IGNORED, np.int64)
    for item in canvas.items:
        left, top, right, bottom = item.box
        rows = _covered(top, bottom, canvas.height)
        under = np.ix_(rows, _covered(left, right, canvas.width))
        classes[under] = CLASSES.index(item.shape)
        colours[under] = list(INK).index(item.colour)
        boxes[under] = [
            location_bin(edge, length)
            for edge, length in zip(item.box, (canvas.width, canvas.height) * 2, strict=True)
        ]
        for half, character in _characters(item, canvas.width):
            characters[rows, half // 2, half % 2] = character
    return classes, colours, boxes, characters


def _covered(start: float, stop: float, length: float) -> npt.NDArray[np.intp]:
    """The cells along a side whose middles an item covers; the nearest when it covers none."""
    middles = (np.arange(GRID) + 0.5) / GRID * length
    inside = np.flatnonzero((middles >= start) & (middles <= stop))
    nearest = np.abs(middles - (start + stop) / 2).argmin()
    return inside if len(inside) else np.array([nearest])


def _characters(item: Item, width: float) -> list[tuple[int, int]]:
    """Which character lies under the middle of each half cell along a picture's width."""
    middles = (np.arange(2 * GRID) + 0.5) / (2 * GRID) * width
    indices = np.searchsorted(item.edges, middles) - 1
    return [
        (half, CHARACTERS.index(item.text[index]))
        for half, index in enumerate(indices)
        if 0 <= index < len(item.text)
    ]


def sample_questions(canvas: Canvas, count: int, rng: Random) -> list[Question]:
    """Questions about a canvas by lot, mostly of the kind that it has something for."""
    reads = any(item.shape == TEXT for item in canvas.items)
    questions: list[Question] = []
    while len(questions) < count:
        task = rng.choices(list(TASK_WEIGHTS), list(TASK_WEIGHTS.values()))[0]
        reading = task in READING_TASKS
        if reading != reads and rng.random() < (IDLE_READING if reading else IDLE_LOOKING):
            continue
        if question := ask(canvas, task, rng):
            questions.append(question)
    return questions


class Speller:
    """Turns questions into token ids as the processor does, many times quicker."""

    def __init__(self, processor: Florence2Processor) -> None:
        """Spell for a processor."""
        self.processor = processor
        self._ids: Callable[[str], list[int]] = lru_cache(SPELLINGS_KEPT)(self._spelt)

    def prompt(self, question: Question) -> list[int]:
        """The ids of the sentence that the question becomes, without the picture's tokens."""
        alone = self.processor.task_prompts_without_inputs.get(question.task)
        template = alone or self.processor.task_prompts_with_input[question.task]
        return self._framed(template if alone else template.format(input=question.text))

    def answer(self, question: Question) -> list[int]:
        """The ids that the decoder should generate."""
        return self._framed(question.answer)

    def _framed(self, text: str) -> list[int]:
        # without its locations a text is one of few, so that most are spelt already
        parts = (part for part in re.split(r"(<loc_\d+>)", text) if part)
        return [START, *(token for part in parts for token in self._ids(part)), END]

    def _spelt(self, text: str) -> list[int]:
        ids: list[int] = self.processor.tokenizer(text, add_special_tokens=False).input_ids
        return ids


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Rows of token ids as one tensor (n, longest)."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows])


def sample_batch(speller: Speller, pictures: int, questions: int, rng: Random) -> Batch:
    """A batch of drawn canvases with that many questions on each."""
    canvases = [sample_canvas(rng) for _ in range(pictures)]
    asked = [q for canvas in canvases for q in sample_questions(canvas, questions, rng)]
    return Batch(
        pictures=torch.from_numpy(np.stack([pixels(canvas.image) for canvas in canvases])),
        prompts=padded([speller.prompt(question) for question in asked]) if asked else None,
        answers=padded([speller.answer(question) for question in asked]) if asked else None,
        grid=grid_targets(canvases),
    )
