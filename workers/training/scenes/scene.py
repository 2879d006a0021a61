"""Captioned scenes of one to three shapes: prompts and targets of the demo FLUX.

Positions are fractions of the picture's width and height, and lengths are fractions of the shorter
of the two, so a scene can be drawn at any size. Without a height, pictures are square.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from PIL import Image, ImageDraw

from workers.training.scenes.palette import (
    SCENE_COLOURS,
    SHAPES,
    Box,
    Colour,
    Point,
    enumerated,
    seeded_random,
    with_article,
)

PLACES: dict[str, Point] = {
    "left": (0.27, 0.5),
    "right": (0.73, 0.5),
    "top": (0.5, 0.27),
    "bottom": (0.5, 0.73),
    "center": (0.5, 0.5),
}
RADII = {"": 0.2, "small": 0.12, "large": 0.27}
PAIR_RADIUS = 0.175
ROW_RADIUS = 0.125
ROW = (0.19, 0.5, 0.81)

RELATIONS = {
    "to the left of": ("left", "right"),
    "to the right of": ("right", "left"),
    "above": ("top", "bottom"),
    "below": ("bottom", "top"),
    "and": ("left", "right"),
}
"""The places of two objects, by the words between them in the caption."""

SUPERSAMPLING = 2
HELD_OUT_ONE_IN = 16
SQUARE_SIDE = 0.9
STAR_POINTS = 10
STAR_OUTER, STAR_INNER = 1.12, 0.48
TRIANGLE_FOOT = 0.85


@dataclass(frozen=True)
class Thing:
    """A shape with its colour, without a position."""

    shape: str
    colour: str

    def __str__(self) -> str:
        return f"{self.colour} {self.shape}"


@dataclass(frozen=True)
class PlacedThing:
    """A thing at its position.

    Attributes:
        thing: the shape and its colour.
        x: its middle, as a fraction of the picture's width.
        y: its middle, as a fraction of the picture's height.
        radius: as a fraction of the shorter side.
    """

    thing: Thing
    x: float
    y: float
    radius: float

    def outline(self, width: int, height: int | None = None) -> list[Point]:
        """The corners of its shape in a picture of this size in pixels."""
        height = height or width
        reach = self.radius * min(width, height)
        corners = _OUTLINES[self.thing.shape]()
        return [(self.x * width + reach * dx, self.y * height + reach * dy) for dx, dy in corners]

    def box(self, width: int, height: int | None = None) -> Box:
        """The bounding box of its shape in a picture of this size in pixels."""
        xs, ys = zip(*self.outline(width, height), strict=True)
        return min(xs), min(ys), max(xs), max(ys)


@dataclass(frozen=True)
class Scene:
    """The content of a picture.

    Attributes:
        background: the colour behind the objects.
        objects: the objects in the order of the caption; no two have the same colour.
        caption: the prompt.
    """

    background: str
    objects: tuple[PlacedThing, ...]
    caption: str


def _circle() -> list[Point]:
    """The four extreme points, which are enough for a bounding box."""
    return [(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)]


def _square() -> list[Point]:
    half = SQUARE_SIDE
    return [(-half, -half), (half, -half), (half, half), (-half, half)]


def _triangle() -> list[Point]:
    return [(0.0, -1.0), (1.0, TRIANGLE_FOOT), (-1.0, TRIANGLE_FOOT)]


def _star() -> list[Point]:
    reach = [STAR_OUTER, STAR_INNER] * (STAR_POINTS // 2)
    turn = 2 * math.pi / STAR_POINTS
    return [
        (length * math.sin(corner * turn), -length * math.cos(corner * turn))
        for corner, length in enumerate(reach)
    ]


_OUTLINES: dict[str, Callable[[], list[Point]]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
}


def draw_object(
    pen: ImageDraw.ImageDraw,
    placed: PlacedThing,
    fill: Colour | int,
    width: int,
    height: int | None = None,
) -> None:
    """Draw one object into a picture of this size in pixels."""
    match placed.thing.shape:
        case "circle":
            pen.ellipse(placed.box(width, height), fill=fill)
        case "square":
            pen.rectangle(placed.box(width, height), fill=fill)
        case _:
            pen.polygon(placed.outline(width, height), fill=fill)


def draw(scene: Scene, width: int = 128, height: int | None = None) -> Image.Image:
    """Draw the scene as an RGB picture of this size in pixels, with smooth edges."""
    fine = (width * SUPERSAMPLING, (height or width) * SUPERSAMPLING)
    picture = Image.new("RGB", fine, SCENE_COLOURS[scene.background])
    pen = ImageDraw.Draw(picture)
    for placed in scene.objects:
        draw_object(pen, placed, SCENE_COLOURS[placed.thing.colour], *fine)
    return picture.reduce(SUPERSAMPLING)


def one_object(thing: Thing, background: str, size: str = "", place: str = "") -> Scene:
    """A scene such as "a small red circle at the left on a blue background".

    Args:
        thing: the only object.
        background: the colour behind it.
        size: "small", "large" or "" for neither.
        place: a key of `PLACES`, or "" for the middle, which the caption then does not mention.
    """
    x, y = PLACES[place or "center"]
    caption = with_article(f"{size} {thing}".strip())
    if place:
        caption += " in the center" if place == "center" else f" at the {place}"
    return _scene(background, [PlacedThing(thing, x, y, RADII[size])], caption)


def two_objects(things: Sequence[Thing], relation: str, background: str) -> Scene:
    """A scene such as "a red circle above a white star on a blue background".

    Args:
        things: both objects, in the order of the caption.
        relation: a key of `RELATIONS`.
        background: the colour behind them.
    """
    objects = [
        PlacedThing(thing, *PLACES[place], PAIR_RADIUS)
        for thing, place in zip(things, RELATIONS[relation], strict=True)
    ]
    first, second = (with_article(str(thing)) for thing in things)
    return _scene(background, objects, f"{first} {relation} {second}")


def three_objects(things: Sequence[Thing], background: str) -> Scene:
    """A scene such as "a red circle, a white star and a green square on a blue background"."""
    objects = [PlacedThing(thing, x, 0.5, ROW_RADIUS) for thing, x in zip(things, ROW, strict=True)]
    return _scene(background, objects, enumerated([with_article(str(thing)) for thing in things]))


def _scene(background: str, objects: list[PlacedThing], caption: str) -> Scene:
    ground = with_article(background)
    return Scene(background, tuple(objects), f"{caption} on {ground} background")


def sample_scene(rng: Random, objects: int) -> Scene:
    """Draw a random scene of one, two or three objects, with small offsets of place and size."""
    *colours, background = rng.sample(list(SCENE_COLOURS), objects + 1)
    things = [Thing(rng.choice(SHAPES), colour) for colour in colours]
    return _jitter(_compose(rng, things, background), rng)


def _compose(rng: Random, things: list[Thing], background: str) -> Scene:
    match things:
        case [thing]:
            size = rng.choices(list(RADII), [0.6, 0.2, 0.2])[0]
            place = rng.choice(["", *PLACES])
            return one_object(thing, background, size, place)
        case [_, _]:
            return two_objects(things, rng.choice(list(RELATIONS)), background)
        case _:
            return three_objects(things, background)


def _jitter(scene: Scene, rng: Random) -> Scene:
    """Move places and change radii by at most these fractions; a row of three has less room."""
    crowded = len(scene.objects) == len(ROW)
    dx, dy, dr = (0.0075, 0.01, 0.003) if crowded else (0.015, 0.015, 0.006)
    objects = tuple(
        replace(
            placed,
            x=placed.x + rng.uniform(-dx, dx),
            y=placed.y + rng.uniform(-dy, dy),
            radius=placed.radius + rng.uniform(-dr, dr),
        )
        for placed in scene.objects
    )
    return replace(scene, objects=objects)


def is_held_out(caption: str) -> bool:
    """True when training must not use this caption: one caption in sixteen, by its digest."""
    digest = hashlib.md5(caption.encode(), usedforsecurity=False).hexdigest()
    return int(digest, 16) % HELD_OUT_ONE_IN == 0


def training_scene(rng: Random, objects: int) -> Scene:
    """A scene of so many objects whose caption may be used in training."""
    return _sampled_until(rng, objects, held_out=False)


def unseen_scenes(seed: int, objects: Sequence[int]) -> list[Scene]:
    """Scenes whose captions training never uses, with so many objects each."""
    rng = seeded_random(seed)
    return [_sampled_until(rng, count, held_out=True) for count in objects]


def _sampled_until(rng: Random, objects: int, *, held_out: bool) -> Scene:
    while is_held_out((scene := sample_scene(rng, objects)).caption) != held_out:
        pass
    return scene
