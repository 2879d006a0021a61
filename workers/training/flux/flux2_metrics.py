"""How well the demo FLUX.2 paints unseen lessons: from words, and from pictures of objects."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from workers.training.flux.adherence import Adherence, check
from workers.training.flux.flux1_metrics import ASPECTS, Figures
from workers.training.scenes.lesson import Lesson, unseen_lessons
from workers.training.scenes.scene import draw

PaintFrom = Callable[[str, Sequence[Image.Image], int], Image.Image]
"""Paints a prompt, from pictures, with a seed."""

NAMES = {0: "words alone", 1: "one picture", 2: "two pictures"}
"""Kinds of lessons by how many pictures they paint from."""
REFERENCE_SIDE = 256


@dataclass(frozen=True)
class Painted:
    """A lesson and what the checker says of its picture."""

    lesson: Lesson
    adherence: Adherence

    @property
    def kept(self) -> bool:
        """Whether every object that was referred to has its colour and its shape."""
        return self.adherence.colour and self.adherence.shape


def figures(
    lessons: int, seed: int, paint: PaintFrom, side: int = REFERENCE_SIDE, most: int = 2
) -> Figures:
    """Shares of pictures that are right, by kind, and of those that keep what they refer to.

    Args:
        lessons: how many of each kind.
        seed: of the lessons; each is painted with a seed of its own, counted up from it.
        paint: the painter.
        side: pixels to a side of the pictures that are referred to.
        most: pictures that a lesson refers to at most.
    """
    told: Figures = {}
    for count in range(most + 1):
        asked = unseen_lessons(seed + count, [count] * lessons)
        painted = [
            _painted(lesson, paint, seed + number, side) for number, lesson in enumerate(asked)
        ]
        told |= _shares(NAMES[count], painted)
        if count:
            told[f"{NAMES[count]}: colour and shape kept"] = _share([each.kept for each in painted])
    return told


def _painted(lesson: Lesson, paint: PaintFrom, seed: int, side: int) -> Painted:
    shown = [draw(scene, side) for scene in lesson.references]
    return Painted(lesson, check(paint(lesson.prompt, shown, seed), lesson.wanted))


def _shares(kind: str, painted: Sequence[Painted]) -> Figures:
    return {
        f"{kind}: {aspect}": _share([getattr(each.adherence, aspect) for each in painted])
        for aspect in ASPECTS
    }


def _share(marks: Sequence[bool]) -> float:
    return sum(marks) / len(marks)
