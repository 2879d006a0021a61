"""Questions about a canvas with their correct answers, for all fifteen tasks of Florence-2."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from workers.training.scenes.canvas import TEXT, Canvas, Item
from workers.training.scenes.descriptions import (
    box_locations,
    caption,
    detailed_caption,
    locations,
    more_detailed_caption,
    named,
    position,
    size_word,
    sized,
)
from workers.training.scenes.palette import ITEM_COLOURS, SHAPES, Box, enumerated

WHOLE_CAPTION_SHARE = 0.4
ABSENT_SHARE, SEVERAL_SHARE, FULL_NAME_SHARE = 0.2, 0.4, 0.75
AND = " <and> "
"""Separator of the classes in an open vocabulary question."""
BARE_SHARE = 0.4
REGION_JITTER = 0.06
"""The largest offset of a region's edges in a question, as a fraction of its size."""


@dataclass(frozen=True)
class Question:
    """A task on a canvas with its target.

    Attributes:
        task: the task token, such as "<OD>".
        text: the user's text after the token, "" for tasks that take none.
        answer: the text that the model should generate.
        items: the items that the answer is about.
    """

    task: str
    text: str
    answer: str
    items: tuple[Item, ...]


Parts = tuple[str, str, tuple[Item, ...]]
"""A question's text, its answer, and the items that the answer is about."""


def make_question(canvas: Canvas, task: str, rng: Random) -> Question | None:
    """Make a question of a task about a canvas; None if the canvas has nothing for the task."""
    parts = TASKS[task](canvas, rng)
    return Question(task, *parts) if parts else None


def _shapes(canvas: Canvas) -> tuple[Item, ...]:
    return tuple(item for item in canvas.items if item.shape != TEXT)


def _texts(canvas: Canvas) -> tuple[Item, ...]:
    return tuple(item for item in canvas.items if item.shape == TEXT)


def _boxed(canvas: Canvas, items: tuple[Item, ...], label: Callable[[Item], str]) -> str:
    return "".join(label(item) + box_locations(canvas, item) for item in items)


def _text_task(describe: Callable[[Canvas], str]) -> Callable[[Canvas, Random], Parts]:
    return lambda canvas, _: ("", describe(canvas), canvas.items)


def _detection_task(label: Callable[[Item], str]) -> Callable[[Canvas, Random], Parts]:
    return lambda canvas, _: ("", _boxed(canvas, canvas.items, label), canvas.items)


def _read(canvas: Canvas, _: Random) -> Parts:
    texts = _texts(canvas)
    return "", "".join(item.text for item in texts), texts


def _read_with_regions(canvas: Canvas, _: Random) -> Parts:
    texts = _texts(canvas)
    corners = (locations(canvas, list(item.outline)) for item in texts)
    pairs = zip(texts, corners, strict=True)
    return "", "".join(item.text + place for item, place in pairs), texts


def _ground_phrases(canvas: Canvas, rng: Random) -> Parts:
    if rng.random() < WHOLE_CAPTION_SHARE:
        items, text = canvas.items, caption(canvas)
    else:
        items = tuple(rng.sample(canvas.items, rng.randint(1, len(canvas.items))))
        text = enumerated([named(item) for item in items])
        text = rng.choice([text, f"{text[0].upper()}{text[1:]}."])
    return text, _boxed(canvas, items, named), items


def _find_class(canvas: Canvas, rng: Random) -> Parts:
    lot = rng.random()
    if lot < ABSENT_SHARE:
        return absent_name(canvas, rng), "", ()
    item = rng.choice(canvas.items)
    if lot < SEVERAL_SHARE and len(canvas.items) > 1:
        pair = tuple(rng.sample(canvas.items, 2))
        return AND.join(found.name for found in pair), _boxed(canvas, pair, _full_name), pair
    if lot < FULL_NAME_SHARE:
        return item.name, _boxed(canvas, (item,), _full_name), (item,)
    alike = tuple(other for other in canvas.items if other.shape == item.shape)
    return item.shape, _boxed(canvas, alike, lambda found: found.shape), alike


def _full_name(item: Item) -> str:
    return item.name


def absent_name(canvas: Canvas, rng: Random) -> str:
    """A random name, or a bare shape, that does not occur on the canvas."""
    present = {name for item in canvas.items for name in (item.name, item.shape)}
    names = [f"{colour} {shape}" for colour in ITEM_COLOURS for shape in SHAPES]
    bare = [shape for shape in (*SHAPES, TEXT) if shape not in present]
    if bare and rng.random() < BARE_SHARE:
        return rng.choice(bare)
    return rng.choice([name for name in names if name not in present])


def _segment_phrase(canvas: Canvas, rng: Random) -> Parts | None:
    shapes = _shapes(canvas)
    if not shapes:
        return None
    item = rng.choice(shapes)
    phrases = [f"the {item.name}", item.name, named(item), *_hints(canvas, item, shapes)]
    return rng.choice(phrases), locations(canvas, list(item.outline)), (item,)


def _hints(canvas: Canvas, item: Item, shapes: tuple[Item, ...]) -> list[str]:
    """Phrases without the item's colour that fit no other shape on the canvas."""

    def phrases(one: Item) -> list[str]:
        sized = f"the {size_word(canvas, one)} {one.shape}".replace("  ", " ")
        return [f"the {one.shape}", sized, f"the {one.shape} {position(canvas, one)}"]

    others = {phrase for one in shapes if one is not item for phrase in phrases(one)}
    return [phrase for phrase in dict.fromkeys(phrases(item)) if phrase not in others]


def _in_region(
    candidates: Callable[[Canvas], tuple[Item, ...]],
    describe: Callable[[Canvas, Item, str], str],
) -> Callable[[Canvas, Random], Parts | None]:
    """A question about the region of an item; `describe` also gets the region's tokens."""

    def make_parts(canvas: Canvas, rng: Random) -> Parts | None:
        items = candidates(canvas)
        if not items:
            return None
        item = rng.choice(items)
        left, top, right, bottom = _jitter(item.box, rng)
        region = locations(canvas, [(left, top), (right, bottom)])
        return region, describe(canvas, item, region), (item,)

    return make_parts


def _jitter(box: Box, rng: Random) -> Box:
    left, top, right, bottom = box
    wide, high = (right - left) * REGION_JITTER, (bottom - top) * REGION_JITTER
    return (
        left + rng.uniform(-wide, wide),
        top + rng.uniform(-high, high),
        right + rng.uniform(-wide, wide),
        bottom + rng.uniform(-high, high),
    )


TASKS: dict[str, Callable[[Canvas, Random], Parts | None]] = {
    "<CAPTION>": _text_task(caption),
    "<DETAILED_CAPTION>": _text_task(detailed_caption),
    "<MORE_DETAILED_CAPTION>": _text_task(more_detailed_caption),
    "<OD>": _detection_task(lambda item: item.shape),
    "<DENSE_REGION_CAPTION>": _detection_task(lambda item: item.name),
    "<REGION_PROPOSAL>": _detection_task(lambda _: ""),
    "<OCR>": _read,
    "<OCR_WITH_REGION>": _read_with_regions,
    "<CAPTION_TO_PHRASE_GROUNDING>": _ground_phrases,
    "<OPEN_VOCABULARY_DETECTION>": _find_class,
    "<REFERRING_EXPRESSION_SEGMENTATION>": _segment_phrase,
    "<REGION_TO_SEGMENTATION>": _in_region(
        _shapes, lambda canvas, item, _: locations(canvas, list(item.outline))
    ),
    "<REGION_TO_CATEGORY>": _in_region(
        lambda canvas: canvas.items, lambda _, item, region: item.shape + region
    ),
    "<REGION_TO_DESCRIPTION>": _in_region(
        lambda canvas: canvas.items,
        lambda canvas, item, region: f"{sized(canvas, item)} {position(canvas, item)}{region}",
    ),
    "<REGION_TO_OCR>": _in_region(_texts, lambda _, item, region: item.text + region),
}
"""The function that makes a question's parts, by task."""

READING_TASKS = frozenset({"<OCR>", "<OCR_WITH_REGION>", "<REGION_TO_OCR>"})
