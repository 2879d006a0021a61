"""Descriptions of a canvas in the demo Florence-2's sentences and location tokens."""

from itertools import pairwise

from workers.training.scenes.canvas import SHAPE_SIZES, TEXT, Canvas, Item
from workers.training.scenes.palette import Point, enumerated, with_article

BINS = 1000
"""The number of equal bins of the width or the height that coordinates are rounded to."""
FIRST_THIRD, LAST_THIRD = 0.36, 0.64
COUNTS = ("one", "two", "three", "four")


def location_bin(value: float, length: float) -> int:
    """The bin of a coordinate along a side of that length, 0 to 999; both in pixels."""
    return max(0, min(BINS - 1, int(value / length * BINS)))


def locations(canvas: Canvas, points: list[Point]) -> str:
    """Points as `<loc_x><loc_y>` tokens."""
    return "".join(
        f"<loc_{location_bin(x, canvas.width)}><loc_{location_bin(y, canvas.height)}>"
        for x, y in points
    )


def box_locations(canvas: Canvas, item: Item) -> str:
    """An item's box as its top left and bottom right corner."""
    left, top, right, bottom = item.box
    return locations(canvas, [(left, top), (right, bottom)])


def named(item: Item) -> str:
    """The item with its article: "a red circle", but "black text"."""
    return item.name if item.shape == TEXT else with_article(item.name)


def size_word(canvas: Canvas, item: Item) -> str:
    """One of "small", "large" and ""; the last for a medium shape and for text."""
    if item.shape == TEXT:
        return ""
    left, top, right, bottom = item.box
    size = max(right - left, bottom - top) / min(canvas.image.size)
    if size < (SHAPE_SIZES["small"][1] + SHAPE_SIZES[""][0]) / 2:
        return "small"
    return "large" if size > (SHAPE_SIZES[""][1] + SHAPE_SIZES["large"][0]) / 2 else ""


def sized(canvas: Canvas, item: Item) -> str:
    """The item with its article and size: "a small red circle"."""
    word = size_word(canvas, item)
    return with_article(f"{word} {item.name}") if word else named(item)


def relation(one: Item, other: Item) -> str:
    """The position of one item relative to another whose left edge is not further left."""
    if one.box[2] < other.box[0]:
        return "to the left of"
    return "above" if one.box[3] < other.box[1] else "below"


def position(canvas: Canvas, item: Item) -> str:
    """The position of an item on the canvas: "in the top left", "in the center"."""
    left, top, right, bottom = item.box
    row = _third((top + bottom) / 2 / canvas.height, ("top", "middle", "bottom"))
    column = _third((left + right) / 2 / canvas.width, ("left", "center", "right"))
    spot = f"{row} {column}"
    return "in the center" if spot == "middle center" else f"in the {spot}"


def _third(share: float, names: tuple[str, str, str]) -> str:
    if share < FIRST_THIRD:
        return names[0]
    return names[2] if share > LAST_THIRD else names[1]


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}"


def _ground(canvas: Canvas) -> str:
    return f"on {with_article(canvas.background)} background."


def _text_sentences(items: tuple[Item, ...]) -> list[str]:
    return [f"The text reads {item.text}." for item in items if item.shape == TEXT]


def caption(canvas: Canvas) -> str:
    """One sentence with all items and the background."""
    return _sentence(f"{enumerated([named(item) for item in canvas.items])} {_ground(canvas)}")


def detailed_caption(canvas: Canvas) -> str:
    """The items with their positions, the background, and the content of the text."""
    parts = [f"{named(item)} {position(canvas, item)}" for item in canvas.items]
    first = f"The image shows {enumerated(parts)} {_ground(canvas)}"
    return " ".join([first, *_text_sentences(canvas.items)])


def more_detailed_caption(canvas: Canvas) -> str:
    """A paragraph: the number of items, a sentence on each, and the relations of neighbours."""
    count = len(canvas.items)
    verb, plural = ("is", "") if count == 1 else ("are", "s")
    sentences = [f"There {verb} {COUNTS[count - 1]} object{plural} {_ground(canvas)}"]
    for item in canvas.items:
        sentences.append(f"{_sentence(sized(canvas, item))} is {position(canvas, item)}.")
        sentences += _text_sentences((item,))
    for one, other in pairwise(canvas.items):
        sentences.append(f"The {one.name} is {relation(one, other)} the {other.name}.")
    return " ".join(sentences)
