"""Questions that look for what is not in the picture, of the tasks that read a text."""

from collections.abc import Callable
from random import Random

from workers.training.scenes.canvas import TEXT, Canvas, Item
from workers.training.scenes.descriptions import named
from workers.training.scenes.palette import enumerated, with_article
from workers.training.scenes.questions import AND, Question, absent_name

ALONE_SHARE = 0.5
"""The share of questions that name nothing else."""

_Parts = tuple[str, tuple[Item, ...]]
"""A question's text, and the items of its true answer."""


def make_absent_question(canvas: Canvas, task: str, rng: Random) -> Question:
    """Make a question of a task that looks for a text; it names a thing that is absent.

    In a list of classes it may be a second of a kind of which there is one: the same name again.
    The answer is left empty: nothing is trained on these questions.
    """
    text, items = _TASKS[task](canvas, rng)
    return Question(task, text, "", items)


def _ground(canvas: Canvas, rng: Random) -> _Parts:
    absent = _with_article(absent_name(canvas, rng))
    if rng.random() < ALONE_SHARE:
        return rng.choice([absent, f"{absent[0].upper()}{absent[1:]}."]), ()
    item = rng.choice(canvas.items)
    phrases = [named(item), absent]
    rng.shuffle(phrases)
    return enumerated(phrases), (item,)


def _find(canvas: Canvas, rng: Random) -> _Parts:
    absent = absent_name(canvas, rng)
    if rng.random() < ALONE_SHARE:
        return absent, ()
    item = rng.choice(canvas.items)
    names = [item.name, rng.choice([absent, item.name])]
    rng.shuffle(names)
    return AND.join(names), (item,)


def _outline(canvas: Canvas, rng: Random) -> _Parts:
    absent = absent_name(canvas, rng)
    return rng.choice([f"the {absent}", absent, _with_article(absent)]), ()


def _with_article(name: str) -> str:
    return name if name == TEXT else with_article(name)


_TASKS: dict[str, Callable[[Canvas, Random], _Parts]] = {
    "<CAPTION_TO_PHRASE_GROUNDING>": _ground,
    "<OPEN_VOCABULARY_DETECTION>": _find,
    "<REFERRING_EXPRESSION_SEGMENTATION>": _outline,
}
