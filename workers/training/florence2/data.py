"""Training batches of a demo Florence-2: pictures, questions, and dense targets per cell."""

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
from workers.training.scenes.descriptions import location_bin
from workers.training.scenes.palette import BACKGROUND_COLOURS, ITEM_COLOURS, SHAPES
from workers.training.scenes.questions import READING_TASKS, Question, make_question
from workers.training.scenes.scene_canvas import sample_scene_canvas

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
SKIPPED_READING = 0.85
"""The share of reading questions that is skipped on a canvas without a word."""
SKIPPED_LOOKING = 0.5
"""The share of other questions that is skipped on a canvas with a word."""
IGNORED = -100
"""The target value that a loss ignores."""
CLASSES = ("nothing", *SHAPES, TEXT)
SCENE_CANVAS_SHARE = 0.2
"""The share of pictures that are scenes of the demo FLUX."""
CACHED_TEXTS = 100_000
"""The number of texts whose token ids are cached."""

Cells = npt.NDArray[np.int64]


def pixels(picture: Image.Image) -> npt.NDArray[np.float32]:
    """A picture preprocessed as by the processor: (3, 192, 192), normalized."""
    small = picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    levels = np.asarray(small, np.float32) / 255
    normal = (levels - np.array(MEAN)) / np.array(DEVIATION)
    planes: npt.NDArray[np.float32] = normal.astype(np.float32).transpose(2, 0, 1)
    return planes


@dataclass(frozen=True)
class GridTargets:
    """Dense targets of the 12 by 12 cells of n pictures.

    Attributes:
        classes: (n, 12, 12), indices into `CLASSES`.
        colours: (n, 12, 12), indices into `ITEM_COLOURS`; ignored in empty cells.
        boxes: (n, 12, 12, 4), location bins of the whole item's box.
        characters: (n, 12, 12, 2), indices into `CHARACTERS`, of the cell's left and right half.
        ranks: (n, 12, 12, 2), the index of that character in its word, from 0.
        backgrounds: (n,), indices into `BACKGROUND_COLOURS`.
    """

    classes: Tensor
    colours: Tensor
    boxes: Tensor
    characters: Tensor
    ranks: Tensor
    backgrounds: Tensor

    def to(self, device: torch.device) -> "GridTargets":
        """A copy on another device."""
        return GridTargets(*(getattr(self, field.name).to(device) for field in fields(self)))


@dataclass(frozen=True)
class Questions:
    """Questions about the first n pictures of a batch: k consecutive ones about each picture.

    Attributes:
        prompts, answers: (n · k, longest) token ids, padded at the end.
        reading: (n · k,), true for questions about written text.
    """

    prompts: Tensor
    answers: Tensor
    reading: Tensor

    def to(self, device: torch.device) -> "Questions":
        """A copy on another device."""
        return Questions(*(getattr(self, field.name).to(device) for field in fields(self)))


@dataclass(frozen=True)
class Batch:
    """A batch of n pictures.

    Attributes:
        pictures: (n, 3, 192, 192).
        grid: the dense targets.
        questions: None if the batch has none.
    """

    pictures: Tensor
    grid: GridTargets
    questions: Questions | None


def grid_targets(canvases: Sequence[Canvas]) -> GridTargets:
    """The dense targets of these canvases."""
    columns = zip(*map(_cells, canvases), strict=True)
    classes, colours, boxes, characters, ranks = (
        torch.from_numpy(np.stack(each)) for each in columns
    )
    backgrounds = torch.tensor(
        [list(BACKGROUND_COLOURS).index(canvas.background) for canvas in canvases]
    )
    return GridTargets(classes, colours, boxes, characters, ranks, backgrounds)


def _cells(canvas: Canvas) -> tuple[Cells, Cells, Cells, Cells, Cells]:
    classes = np.zeros((GRID, GRID), np.int64)
    colours = np.full((GRID, GRID), IGNORED, np.int64)
    boxes = np.zeros((GRID, GRID, 4), np.int64)
    characters = np.full((GRID, GRID, 2), IGNORED, np.int64)
    ranks = np.full((GRID, GRID, 2), IGNORED, np.int64)
    for item in canvas.items:
        left, top, right, bottom = item.box
        rows = _covered_cells(top, bottom, canvas.height)
        cells = np.ix_(rows, _covered_cells(left, right, canvas.width))
        classes[cells] = CLASSES.index(item.shape)
        colours[cells] = list(ITEM_COLOURS).index(item.colour)
        boxes[cells] = [
            location_bin(edge, length)
            for edge, length in zip(item.box, (canvas.width, canvas.height) * 2, strict=True)
        ]
        for half, rank in _ranks(item, canvas.width):
            ranks[rows, half // 2, half % 2] = rank
            characters[rows, half // 2, half % 2] = CHARACTERS.index(item.text[rank])
    return classes, colours, boxes, characters, ranks


def _covered_cells(start: float, stop: float, length: float) -> npt.NDArray[np.intp]:
    """The cells along a side whose middles an item covers; the nearest cell if there are none."""
    middles = (np.arange(GRID) + 0.5) / GRID * length
    inside = np.flatnonzero((middles >= start) & (middles <= stop))
    nearest = np.abs(middles - (start + stop) / 2).argmin()
    return inside if len(inside) else np.array([nearest])


def _ranks(item: Item, width: float) -> list[tuple[int, int]]:
    """Pairs of a half cell along the width and the index of the character under its middle.

    A character that is too narrow for any middle gets the nearest half cell.
    """
    middles = (np.arange(2 * GRID) + 0.5) / (2 * GRID) * width
    indices = np.searchsorted(item.edges, middles) - 1
    found = [(half, rank) for half, rank in enumerate(indices) if 0 <= rank < len(item.text)]
    missed = set(range(len(item.text))) - {rank for _, rank in found}
    spots = {rank: (item.edges[rank] + item.edges[rank + 1]) / 2 for rank in missed}
    return found + [(int(np.abs(middles - spot).argmin()), rank) for rank, spot in spots.items()]


def sample_questions(canvas: Canvas, count: int, rng: Random) -> list[Question]:
    """Draw random questions about a canvas, mostly about reading if it has a word, else not."""
    has_text = any(item.shape == TEXT for item in canvas.items)
    questions: list[Question] = []
    while len(questions) < count:
        task = rng.choices(list(TASK_WEIGHTS), list(TASK_WEIGHTS.values()))[0]
        reading = task in READING_TASKS
        if reading != has_text and rng.random() < (SKIPPED_READING if reading else SKIPPED_LOOKING):
            continue
        if question := make_question(canvas, task, rng):
            questions.append(question)
    return questions


class QuestionTokenizer:
    """Turns questions into token ids as the processor does, but many times faster."""

    def __init__(self, processor: Florence2Processor) -> None:
        """Tokenize for a processor."""
        self.processor = processor
        self._ids: Callable[[str], list[int]] = lru_cache(CACHED_TEXTS)(self._tokenize)

    def prompt(self, question: Question) -> list[int]:
        """The ids of the question's sentence, without the tokens of the picture."""
        fixed = self.processor.task_prompts_without_inputs.get(question.task)
        template = fixed or self.processor.task_prompts_with_input[question.task]
        return self._encode(template if fixed else template.format(input=question.text))

    def answer(self, question: Question) -> list[int]:
        """The ids that the decoder should generate."""
        return self._encode(question.answer)

    def _encode(self, text: str) -> list[int]:
        # there are few different texts apart from locations, so most are in the cache
        parts = (part for part in re.split(r"(<loc_\d+>)", text) if part)
        return [START, *(token for part in parts for token in self._ids(part)), END]

    def _tokenize(self, text: str) -> list[int]:
        ids: list[int] = self.processor.tokenizer(text, add_special_tokens=False).input_ids
        return ids


def pad(rows: Sequence[Sequence[int]]) -> Tensor:
    """Pad rows of token ids to one tensor (n, longest)."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows])


def sample_batch(
    tokenizer: QuestionTokenizer, pictures: int, questions: int, rng: Random, pages: int = 0
) -> Batch:
    """Draw a batch of canvases with so many questions about each, then pages without any."""
    canvases = [_sample(rng) for _ in range(pictures)]
    drawn = [q for canvas in canvases for q in sample_questions(canvas, questions, rng)]
    canvases += [sample_page(rng) for _ in range(pages)]
    return Batch(
        pictures=torch.from_numpy(np.stack([pixels(canvas.image) for canvas in canvases])),
        grid=grid_targets(canvases),
        questions=_tokenize(tokenizer, drawn) if drawn else None,
    )


def _tokenize(tokenizer: QuestionTokenizer, questions: Sequence[Question]) -> Questions:
    return Questions(
        prompts=pad([tokenizer.prompt(question) for question in questions]),
        answers=pad([tokenizer.answer(question) for question in questions]),
        reading=torch.tensor([question.task in READING_TASKS for question in questions]),
    )


def _sample(rng: Random) -> Canvas:
    return sample_scene_canvas(rng) if rng.random() < SCENE_CANVAS_SHARE else sample_canvas(rng)
