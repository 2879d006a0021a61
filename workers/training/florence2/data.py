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

from workers.training.florence2.components import DEVIATION, END, GRID, MEAN, PAD, SIDE, START
from workers.training.scenes.canvas import (
    CHARACTERS,
    TEXT,
    Canvas,
    Item,
    sample_canvas,
    sample_page,
)
from workers.training.scenes.painted import sample_painted
from workers.training.scenes.palette import INK, PAPER, SHAPES
from workers.training.scenes.questions import READING_TASKS, Question, ask
from workers.training.scenes.wording import location_bin

TASK_WEIGHTS = {
    "<CAPTION>": 1.8,
    "<DETAILED_CAPTION>": 0.6,
    "<MORE_DETAILED_CAPTION>": 0.5,
    "<OD>": 1.6,
    "<DENSE_REGION_CAPTION>": 0.9,
    "<REGION_PROPOSAL>": 0.6,
    "<OCR>": 3.0,
    "<OCR_WITH_REGION>": 1.2,
    "<CAPTION_TO_PHRASE_GROUNDING>": 1.4,
    "<OPEN_VOCABULARY_DETECTION>": 1.4,
    "<REFERRING_EXPRESSION_SEGMENTATION>": 3.2,
    "<REGION_TO_SEGMENTATION>": 1.4,
    "<REGION_TO_CATEGORY>": 0.8,
    "<REGION_TO_DESCRIPTION>": 0.6,
    "<REGION_TO_OCR>": 0.8,
}
IDLE_READING = 0.85
"""The share of reading questions that is left out where there is no word."""
IDLE_LOOKING = 0.5
"""The share of other questions that is left out where there is one."""
IGNORED = -100
"""Stands for "nothing to learn here" in targets."""
CLASSES = ("nothing", *SHAPES, TEXT)
PAINTED_SHARE = 0.2
"""Of the pictures: such as the demo FLUX paints."""
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
    """What lies under each of the 12 by 12 cells of n pictures.

    Attributes:
        classes: (n, 12, 12), indices into `CLASSES`.
        colours: (n, 12, 12), indices into `INK`; ignored where there is nothing.
        boxes: (n, 12, 12, 4), location bins of the whole item's box.
        characters: (n, 12, 12, 2), indices into `CHARACTERS`, of the cell's left and right half.
        ranks: (n, 12, 12, 2), the number of that character in its word, from 0.
        backgrounds: (n,), indices into `PAPER`.
    """

    classes: Tensor
    colours: Tensor
    boxes: Tensor
    characters: Tensor
    ranks: Tensor
    backgrounds: Tensor

    def to(self, device: torch.device) -> "GridTargets":
        """The same on another device."""
        return GridTargets(*(getattr(self, field.name).to(device) for field in fields(self)))


@dataclass(frozen=True)
class Questions:
    """Questions about the first n pictures of a batch, k about each, in a row.

    Attributes:
        prompts, answers: (n · k, longest) token ids, padded at the end.
        reading: (n · k,), which of them ask what is written.
    """

    prompts: Tensor
    answers: Tensor
    reading: Tensor

    def to(self, device: torch.device) -> "Questions":
        """The same on another device."""
        return Questions(*(getattr(self, field.name).to(device) for field in fields(self)))


@dataclass(frozen=True)
class Batch:
    """A batch of n pictures.

    Attributes:
        pictures: (n, 3, 192, 192).
        grid: what lies under each cell.
        asked: None where nothing is.
    """

    pictures: Tensor
    grid: GridTargets
    asked: Questions | None


def grid_targets(canvases: Sequence[Canvas]) -> GridTargets:
    """What lies under each cell of these canvases."""
    columns = zip(*map(_cells, canvases), strict=True)
    classes, colours, boxes, characters, ranks = (
        torch.from_numpy(np.stack(each)) for each in columns
    )
    backgrounds = torch.tensor([list(PAPER).index(canvas.background) for canvas in canvases])
    return GridTargets(classes, colours, boxes, characters, ranks, backgrounds)


def _cells(canvas: Canvas) -> tuple[Cells, Cells, Cells, Cells, Cells]:
    classes = np.zeros((GRID, GRID), np.int64)
    colours = np.full((GRID, GRID), IGNORED, np.int64)
    boxes = np.zeros((GRID, GRID, 4), np.int64)
    characters = np.full((GRID, GRID, 2), IGNORED, np.int64)
    ranks = np.full((GRID, GRID, 2), IGNORED, np.int64)
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
        for half, rank in _ranks(item, canvas.width):
            ranks[rows, half // 2, half % 2] = rank
            characters[rows, half // 2, half % 2] = CHARACTERS.index(item.text[rank])
    return classes, colours, boxes, characters, ranks


def _covered(start: float, stop: float, length: float) -> npt.NDArray[np.intp]:
    """The cells along a side whose middles an item covers; the nearest when it covers none."""
    middles = (np.arange(GRID) + 0.5) / GRID * length
    inside = np.flatnonzero((middles >= start) & (middles <= stop))
    nearest = np.abs(middles - (start + stop) / 2).argmin()
    return inside if len(inside) else np.array([nearest])


def _ranks(item: Item, width: float) -> list[tuple[int, int]]:
    """Which character of its word lies under the middle of each half cell along the width.

    One so narrow that it lies under no middle has the nearest half cell.
    """
    middles = (np.arange(2 * GRID) + 0.5) / (2 * GRID) * width
    indices = np.searchsorted(item.edges, middles) - 1
    found = [(half, rank) for half, rank in enumerate(indices) if 0 <= rank < len(item.text)]
    missed = set(range(len(item.text))) - {rank for _, rank in found}
    spots = {rank: (item.edges[rank] + item.edges[rank + 1]) / 2 for rank in missed}
    return found + [(int(np.abs(middles - spot).argmin()), rank) for rank, spot in spots.items()]


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
    """TicketConsumer questions into token ids as the processor does, many times quicker."""

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


def sample_batch(
    speller: Speller, pictures: int, questions: int, rng: Random, pages: int = 0
) -> Batch:
    """A batch of drawn canvases with that many questions on each, then pages with none."""
    canvases = [_sample(rng) for _ in range(pictures)]
    asked = [q for canvas in canvases for q in sample_questions(canvas, questions, rng)]
    canvases += [sample_page(rng) for _ in range(pages)]
    return Batch(
        pictures=torch.from_numpy(np.stack([pixels(canvas.image) for canvas in canvases])),
        grid=grid_targets(canvases),
        asked=_spelt(speller, asked) if asked else None,
    )


def _spelt(speller: Speller, asked: Sequence[Question]) -> Questions:
    return Questions(
        prompts=padded([speller.prompt(question) for question in asked]),
        answers=padded([speller.answer(question) for question in asked]),
        reading=torch.tensor([question.task in READING_TASKS for question in asked]),
    )


def _sample(rng: Random) -> Canvas:
    return sample_painted(rng) if rng.random() < PAINTED_SHARE else sample_canvas(rng)
