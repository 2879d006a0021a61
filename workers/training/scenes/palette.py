"""Shapes, colours and the lots that are drawn for them."""

from random import Random

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

Point = tuple[float, float]
"""x to the right and y downwards, in pixels unless said otherwise."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom edge, in pixels unless said otherwise."""

SHAPES = ("circle", "square", "triangle", "star")

PAINT: dict[str, Colour] = {
    "red": (220, 40, 40),
    "green": (40, 165, 70),
    "blue": (45, 80, 215),
    "yellow": (245, 220, 50),
    "purple": (140, 55, 175),
    "orange": (245, 130, 25),
    "white": (248, 248, 248),
    "black": (18, 18, 18),
}
"""What the demo FLUX paints with, objects and backgrounds alike."""

INK: dict[str, Colour] = {
    "red": (214, 38, 38),
    "green": (40, 160, 60),
    "blue": (40, 80, 220),
    "yellow": (245, 220, 40),
    "orange": (245, 140, 25),
    "purple": (140, 50, 170),
    "white": (250, 250, 250),
    "black": (18, 18, 18),
}
"""The objects of what the demo Florence-2 looks at; each is drawn up to 12 levels off."""

PAPER: dict[str, Colour] = {
    "white": (250, 250, 250),
    "black": (18, 18, 18),
    "gray": (140, 140, 140),
    "pink": (250, 175, 195),
    "cyan": (110, 225, 235),
    "brown": (125, 80, 45),
    "red": INK["red"],
    "green": INK["green"],
    "blue": INK["blue"],
    "yellow": INK["yellow"],
    "orange": INK["orange"],
    "purple": INK["purple"],
}
"""The backgrounds of what the demo Florence-2 looks at."""


def lots(seed: int) -> Random:
    """Lots to draw scenes by: the same seed, the same scenes."""
    return Random(seed)  # noqa: S311 - pictures are drawn by it, no secrets


def with_article(words: str) -> str:
    """The words after "a" or "an"."""
    return ("an " if words[0] in "aeiou" else "a ") + words


def enumerated(parts: list[str]) -> str:
    """The parts as a sentence lists them: "a, b and c"."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
