"""Shapes, colours, and the random generator that scenes are drawn with."""

from random import Random

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

Point = tuple[float, float]
"""x to the right and y downwards, in pixels unless said otherwise."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom edge, in pixels unless said otherwise."""

SHAPES = ("circle", "square", "triangle", "star")

SCENE_COLOURS: dict[str, Colour] = {
    "red": (220, 40, 40),
    "green": (40, 165, 70),
    "blue": (45, 80, 215),
    "yellow": (245, 220, 50),
    "purple": (140, 55, 175),
    "orange": (245, 130, 25),
    "white": (248, 248, 248),
    "black": (18, 18, 18),
}
"""Colours of the objects and the backgrounds of the demo FLUX's scenes."""

ITEM_COLOURS: dict[str, Colour] = {
    "red": (214, 38, 38),
    "green": (40, 160, 60),
    "blue": (40, 80, 220),
    "yellow": (245, 220, 40),
    "orange": (245, 140, 25),
    "purple": (140, 50, 170),
    "white": (250, 250, 250),
    "black": (18, 18, 18),
}
"""Colours of the items on the demo Florence-2's canvases; each is drawn up to 12 levels off."""

BACKGROUND_COLOURS: dict[str, Colour] = {
    "white": (250, 250, 250),
    "black": (18, 18, 18),
    "gray": (140, 140, 140),
    "pink": (250, 175, 195),
    "cyan": (110, 225, 235),
    "brown": (125, 80, 45),
    "red": ITEM_COLOURS["red"],
    "green": ITEM_COLOURS["green"],
    "blue": ITEM_COLOURS["blue"],
    "yellow": ITEM_COLOURS["yellow"],
    "orange": ITEM_COLOURS["orange"],
    "purple": ITEM_COLOURS["purple"],
}
"""Colours of the backgrounds of the demo Florence-2's canvases."""


def seeded_random(seed: int) -> Random:
    """A random generator: the same seed draws the same scenes."""
    return Random(seed)  # noqa: S311 - it draws pictures, not secrets


def with_article(words: str) -> str:
    """The words with "a" or "an" before them."""
    return ("an " if words[0] in "aeiou" else "a ") + words


def enumerated(parts: list[str]) -> str:
    """The parts as a list in a sentence: "a, b and c"."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
