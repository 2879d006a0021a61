"""Pictures of shapes and words, the input of the demo Florence-2. All lengths are pixels."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw

from workers.training.scenes.palette import (
    BACKGROUND_COLOURS,
    ITEM_COLOURS,
    SHAPES,
    Box,
    Colour,
    Point,
)
from workers.training.scenes.typefaces import TYPEFACES, Font, typeface

SIZES = ((128, 128), (384, 384), (384, 288), (320, 240), (288, 384), (256, 256), (400, 300))
TEXT = "text"
"""The `shape` of a word."""

WORDS = (
    *("STOP", "OPEN", "EXIT", "SALE", "HELP", "TAXI", "BUS", "CAFE", "SHOP", "PARK"),
    *("HOTEL", "BANK", "PUSH", "PULL", "SLOW", "FAST", "NORTH", "SOUTH", "EAST", "WEST"),
    *("HELLO", "WORLD", "DOG", "CAT", "BIRD", "FISH", "TREE", "ROAD", "CITY", "TRAIN"),
    *("WATER", "FIRE", "GATE", "EXTRA", "QUIZ", "JAZZ", "KIWI", "VIDEO", "ZONE", "MAX"),
)
LETTERS, DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
CHARACTERS = LETTERS + DIGITS
LONGEST_WORD = 5
WORDS_ON_A_PAGE = 12
"""Attempted; words that find no room are left out."""
TEXT_COLOURS = ("red", "blue", "yellow", "white", "black")

SHADE = 12
"""The largest random offset of a colour's channel, in levels."""
MARGIN = 2
GAP = 4
LEFT_EDGES_APART = 0.04
"""Smallest distance of two left edges, of the width; so the order from left to right is clear."""
CONTRAST = 90
"""The least difference in luminance, 0 to 255, of a word and its background."""
TEXT_SHARE, STRING_SHARE, NUMBER_SHARE = 0.6, 0.35, 0.45
TEXT_SIZES = (0.17, 0.27)
"""Pixels per em, of the shorter side; legible even when resized to 192 pixels."""
SHRINK_FACTOR = 0.9
"""Factor by which the size of a word that is too wide is reduced, repeatedly."""
SHAPE_SIZES = {"small": (0.2, 0.285), "": (0.305, 0.455), "large": (0.475, 0.55)}
"""The longer side of a shape, of the picture's shorter side; no size lies between the ranges."""
SIZE_WEIGHTS = (0.3, 0.5, 0.2)
FLATTEST = 0.88
PLACING_TRIES, CHOOSING_TRIES = 40, 20
CIRCLE_CORNERS, STAR_CORNERS, STAR_INNER = 12, 10, 0.45


@dataclass(frozen=True)
class Item:
    """A shape or a word on a canvas.

    Attributes:
        shape: one of `SHAPES`, or `TEXT`.
        colour: a key of `ITEM_COLOURS`.
        box: left, top, right and bottom edge.
        outline: the target polygon for segmentation; the box's corners for a word.
        text: the word, "" for a shape.
        edges: the left edges of the word's characters, and the right edge of the last one.
    """

    shape: str
    colour: str
    box: Box
    outline: tuple[Point, ...]
    text: str = ""
    edges: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """Colour and shape, as "red circle"."""
        return f"{self.colour} {self.shape}"


@dataclass(frozen=True)
class Canvas:
    """An RGB picture, its background's name, and the items on it from left to right."""

    image: Image.Image
    background: str
    items: tuple[Item, ...]

    @property
    def width(self) -> int:
        """Pixels."""
        return self.image.width

    @property
    def height(self) -> int:
        """Pixels."""
        return self.image.height


def outline(shape: str, box: Box) -> tuple[Point, ...]:
    """The corners of a shape that fills a box, clockwise from the top; twelve for a circle."""
    left, top, right, bottom = box
    return tuple(
        (left + x * (right - left), top + y * (bottom - top)) for x, y in _UNIT_OUTLINES[shape]()
    )


def _radial_points(corners: int, reach: Callable[[int], float]) -> list[Point]:
    step = 2 * math.pi / corners
    return [(reach(k) * math.sin(k * step), -reach(k) * math.cos(k * step)) for k in range(corners)]


def _fit_unit_square(points: list[Point]) -> list[Point]:
    """The points moved and scaled so that they fill the unit square."""
    xs, ys = zip(*points, strict=True)
    left, top = min(xs), min(ys)
    return [((x - left) / (max(xs) - left), (y - top) / (max(ys) - top)) for x, y in points]


def _square() -> list[Point]:
    return [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]


_UNIT_OUTLINES: dict[str, Callable[[], list[Point]]] = {
    "circle": lambda: _fit_unit_square(_radial_points(CIRCLE_CORNERS, lambda _: 1.0)),
    "square": _square,
    TEXT: _square,
    "triangle": lambda: [(0.5, 0.0), (1.0, 1.0), (0.0, 1.0)],
    "star": lambda: _fit_unit_square(
        _radial_points(STAR_CORNERS, lambda k: STAR_INNER if k % 2 else 1.0)
    ),
}


def sample_word(rng: Random) -> str:
    """A random word of `WORDS`, or a number of up to four digits."""
    if rng.random() < NUMBER_SHARE:
        return str(rng.randint(0, 9999))
    return rng.choice(WORDS)


def sample_letters(rng: Random) -> str:
    """Two to five random letters, which can only be read letter by letter."""
    return "".join(rng.choice(LETTERS) for _ in range(rng.randint(2, LONGEST_WORD)))


def sample_canvas(
    rng: Random,
    shapes: int | None = None,
    text: str | None = None,
    size: tuple[int, int] | None = None,
) -> Canvas:
    """Draw a random canvas.

    Args:
        rng: the random generator.
        shapes: the number of shapes to try to place; random when None.
        text: the word on it, "" for none; random when None.
        size: width and height; a random one of `SIZES` when None.
    """
    width, height = size or rng.choice(SIZES)
    builder = _CanvasBuilder(rng, width, height)
    with_text = rng.random() < TEXT_SHARE if text is None else bool(text)
    count = (
        shapes if shapes is not None else rng.choice([0, 1, 1, 2, 2] if with_text else [1, 2, 3])
    )
    if with_text:
        builder.write(text)
    for _ in range(count):
        builder.draw_shape()
    return builder.canvas() if builder.items else sample_canvas(rng, 1, "", size)


def sample_page(rng: Random) -> Canvas:
    """Draw a canvas full of random letters and digits, for learning to read."""
    builder = _CanvasBuilder(rng, *rng.choice(SIZES))
    for _ in range(WORDS_ON_A_PAGE):
        characters = rng.choice((LETTERS, DIGITS))
        builder.write("".join(rng.choice(characters) for _ in range(rng.randint(1, LONGEST_WORD))))
    return builder.canvas()


def luminance(colour: Colour) -> float:
    """The perceived brightness of a colour, 0 to 255, approximately by Rec. 601."""
    red, green, blue = colour
    return 0.3 * red + 0.59 * green + 0.11 * blue


def _width(font: Font, text: str) -> float:
    left, _, right, _ = font.getbbox(text)
    return right - left


class _CanvasBuilder:
    """Builds a canvas item by item."""

    def __init__(self, rng: Random, width: int, height: int) -> None:
        self.rng = rng
        self.background = rng.choice(list(BACKGROUND_COLOURS))
        self.image = Image.new(
            "RGB", (width, height), self._vary(BACKGROUND_COLOURS[self.background])
        )
        self.pen = ImageDraw.Draw(self.image)
        self.items: list[Item] = []
        self.used: set[tuple[str, str]] = set()
        self.boxes: list[Box] = []

    def canvas(self) -> Canvas:
        return Canvas(
            self.image, self.background, tuple(sorted(self.items, key=lambda i: i.box[0]))
        )

    def write(self, text: str | None) -> None:
        """Write a word if there is room for it."""
        text = self._sample_text() if text is None else text
        font = self._choose_font(text)
        left, top, right, bottom = font.getbbox(text)
        wide, high = right - left, bottom - top
        room = self._reserve(wide + MARGIN, high + MARGIN)
        if room is None:
            return
        colour = self.rng.choice(self._legible_colours())
        x, y = round(room[0]), round(room[1])
        self.pen.text((x - left, y - top), text, font=font, fill=self._vary(ITEM_COLOURS[colour]))
        edges = [x - left + font.getlength(text[:count]) for count in range(len(text) + 1)]
        box = (x, y, x + wide, y + high)
        self.items.append(Item(TEXT, colour, box, outline(TEXT, box), text, tuple(edges)))

    def draw_shape(self) -> None:
        """Draw a shape if there is room for it."""
        colour, shape = self._choose_shape()
        box = self._reserve(*self._sample_extent())
        if box is None:
            return
        corners = outline(shape, box)
        if shape == "circle":
            self.pen.ellipse(box, fill=self._vary(ITEM_COLOURS[colour]))
        else:
            self.pen.polygon(corners, fill=self._vary(ITEM_COLOURS[colour]))
        self.items.append(Item(shape, colour, box, corners))

    def _sample_text(self) -> str:
        strings = self.rng.random() < STRING_SHARE
        return sample_letters(self.rng) if strings else sample_word(self.rng)

    def _choose_font(self, text: str) -> Font:
        """A random typeface at a random size, or at a smaller one that the word fits in."""
        name = self.rng.choice(TYPEFACES)
        size = int(self.rng.uniform(*TEXT_SIZES) * min(self.image.size))
        while _width(typeface(name, size), text) + 2 * GAP + MARGIN > self.image.width:
            size = int(SHRINK_FACTOR * size)
        return typeface(name, size)

    def _sample_extent(self) -> tuple[float, float]:
        """A random width and height of a shape: either may be slightly shorter."""
        sizes = self.rng.choices(list(SHAPE_SIZES.values()), SIZE_WEIGHTS)[0]
        size = self.rng.uniform(*sizes) * min(self.image.size)
        shorter = size * self.rng.uniform(FLATTEST, 1)
        return self.rng.choice([(size, shorter), (shorter, size)])

    def _legible_colours(self) -> list[str]:
        paper = luminance(BACKGROUND_COLOURS[self.background])
        colours = (name for name in ITEM_COLOURS if name in TEXT_COLOURS)
        return [
            name for name in colours if abs(luminance(ITEM_COLOURS[name]) - paper) > CONTRAST
        ] or ["black"]

    def _choose_shape(self) -> tuple[str, str]:
        for _ in range(CHOOSING_TRIES):
            choice = self.rng.choice(list(ITEM_COLOURS)), self.rng.choice(SHAPES)
            if choice[0] != self.background and choice not in self.used:
                break
        self.used.add(choice)
        return choice

    def _reserve(self, wide: float, high: float) -> Box | None:
        """Reserve a free box of that size; None if random tries find none."""
        for _ in range(PLACING_TRIES):
            left = self.rng.uniform(MARGIN, self.image.width - wide - MARGIN)
            top = self.rng.uniform(MARGIN, self.image.height - high - MARGIN)
            box = (left, top, left + wide, top + high)
            if all(self._is_apart(box, other) for other in self.boxes):
                self.boxes.append(box)
                return box
        return None

    def _is_apart(self, one: Box, other: Box) -> bool:
        beside = one[0] > other[2] + GAP or one[2] < other[0] - GAP
        above = one[1] > other[3] + GAP or one[3] < other[1] - GAP
        return (beside or above) and abs(one[0] - other[0]) > LEFT_EDGES_APART * self.image.width

    def _vary(self, colour: Colour) -> Colour:
        red, green, blue = (
            max(0, min(255, level + self.rng.randint(-SHADE, SHADE))) for level in colour
        )
        return red, green, blue
