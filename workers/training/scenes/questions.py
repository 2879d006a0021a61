"""Questions about a canvas and their true answers, for all fifteen tasks of Florence-2."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from workers.training.scenes.canvas import TEXT, Canvas, Item
from workers.training.scenes.palette import INK, SHAPES, Box, enumerated
from workers.training.scenes.wording import (
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

WHOLE_CAPTION_SHARE = 0.4
ABSENT_SHARE, SEVERAL_SHARE, FULL_NAME_SHARE = 0.2, 0.4, 0.75
AND = " <and> "
"""Between the classes of an open vocabulary."""
BARE_SHARE = 0.4
REGION_SHAKE = 0.06
"""How far the edges of a region in a question are off, as a fraction of its size."""


@dataclass(frozen=True)
class Question:
    """A task on a canvas.

    Attributes:
        task: the token, such as "<OD>".
        text: what the user adds to it, "" for tasks that stand alone.
        answer: what the model should generate.
        items: those the answer is about.
    """

    task: str
    text: str
    answer: str
    items: tuple[Item, ...]


Asked = tuple[str, str, tuple[Item, ...]]
"""What the user adds, the answer, and the items it is about."""


def ask(canvas: Canvas, task: str, rng: Random) -> Question | None:
    """A question of that task about a canvas, None where the canvas has nothing for it."""
    asked = TASKS[task](canvas, rng)
    return Question(task, *asked) if asked else None


def _shapes(canvas: Canvas) -> tuple[Item, ...]:
    return tuple(item for item in canvas.items if item.shape != TEXT)


def _texts(canvas: Canvas) -> tuple[Item, ...]:
    return tuple(item for item in canvas.items if item.shape == TEXT)


def _boxed(canvas: Canvas, items: tuple[Item, ...], label: Callable[[Item], str]) -> str:
    return "".join(label(item) + box_locations(canvas, item) for item in items)


def _saying(say: Callable[[Canvas], str]) -> Callable[[Canvas, Random], Asked]:
    return lambda canvas, _: ("", say(canvas), canvas.items)


def _detecting(label: Callable[[Item], str]) -> Callable[[Canvas, Random], Asked]:
    return lambda canvas, _: ("", _boxed(canvas, canvas.items, label), canvas.items)


def _read(canvas: Canvas, _: Random) -> Asked:
    texts = _texts(canvas)
    return "", "".join(item.text for item in texts), texts


def _read_with_regions(canvas: Canvas, _: Random) -> Asked:
    texts = _texts(canvas)
    corners = (locations(canvas, list(item.outline)) for item in texts)
    pairs = zip(texts, corners, strict=True)
    return "", "".join(item.text + place for item, place in pairs), texts


def _ground_phrases(canvas: Canvas, rng: Random) -> Asked:
    if rng.random() < WHOLE_CAPTION_SHARE:
        items, text = canvas.items, caption(canvas)
    else:
        items = tuple(rng.sample(canvas.items, rng.randint(1, len(canvas.items))))
        text = enumerated([named(item) for item in items])
        text = rng.choice([text, f"{text[0].upper()}{text[1:]}."])
    return text, _boxed(canvas, items, named), items


def _find_class(canvas: Canvas, rng: Random) -> Asked:
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
    """A name, or a bare shape, of nothing that is there."""
    present = {name for item in canvas.items for name in (item.name, item.shape)}
    names = [f"{colour} {shape}" for colour in INK for shape in SHAPES]
    bare = [shape for shape in (*SHAPES, TEXT) if shape not in present]
    if bare and rng.random() < BARE_SHARE:
        return rng.choice(bare)
    return rng.choice([name for name in names if name not in present])


def _segment_phrase(canvas: Canvas, rng: Random) -> Asked | None:
    shapes = _shapes(canvas)
    if not shapes:
        return None
    item = rng.choice(shapes)
    phrases = [f"the {item.name}", item.name, named(item), *_hints(canvas, item, shapes)]
    return rng.choice(phrases), locations(canvas, list(item.outline)), (item,)


def _hints(canvas: Canvas, item: Item, shapes: tuple[Item, ...]) -> list[str]:
    """Phrases without its colour that fit no other shape there."""

    def phrases(one: Item) -> list[str]:
        sized = f"the {size_word(canvas, one)} {one.shape}".replace("  ", " ")
        return [f"the {one.shape}", sized, f"the {one.shape} {position(canvas, one)}"]

    others = {phrase for one in shapes if one is not item for phrase in phrases(one)}
    return [phrase for phrase in dict.fromkeys(phrases(item)) if phrase not in others]


def _in_region(
    candidates: Callable[[Canvas], tuple[Item, ...]],
    say: Callable[[Canvas, Item, str], str],
) -> Callable[[Canvas, Random], Asked | None]:
    """A question on the region of an item; `say` is given the region's tokens as well."""

    def asked(canvas: Canvas, rng: Random) -> Asked | None:
        items = candidates(canvas)
        if not items:
            return None
        item = rng.choice(items)
        left, top, right, bottom = _shaken(item.box, rng)
        region = locations(canvas, [(left, top), (right, bottom)])
        return region, say(canvas, item, region), (item,)

    return asked


def _shaken(box: Box, rng: Random) -> Box:
    left, top, right, bottom = box
    wide, high = (right - left) * REGION_SHAKE, (bottom - top) * REGION_SHAKE
    return (
        left + rng.uniform(-wide, wide),
        top + rng.uniform(-high, high),
        right + rng.uniform(-wide, wide),
        bottom + rng.uniform(-high, high),
    )


TASKS: dict[str, Callable[[Canvas, Random], Asked | None]] = {
    "<CAPTION>": _saying(caption),
    "<DETAILED_CAPTION>": _saying(detailed_caption),
    "<MORE_DETAILED_CAPTION>": _saying(more_detailed_caption),
    "<OD>": _detecting(lambda item: item.shape),
    "<DENSE_REGION_CAPTION>": _detecting(lambda item: item.name),
    "<REGION_PROPOSAL>": _detecting(lambda _: ""),
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
"""How each task is asked about a canvas and answered."""

READING_TASKS = frozenset({"<OCR>", "<OCR_WITH_REGION>", "<REGION_TO_OCR>"})
