"""What the demo FLUX.2 is asked for: scenes in words, and scenes made from other pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from workers.training.scenes.palette import PAINT, SHAPES, lots, with_article
from workers.training.scenes.scene import (
    PLACES,
    RADII,
    RELATIONS,
    Scene,
    Thing,
    is_held_out,
    one_object,
    sample_scene,
    two_objects,
)

ANY_SHAPE = "object"
"""Stands for a shape that the prompt leaves to its picture."""
NAMED_SHARE = 0.5
WORDS = ("object", "picture", "1", "2")
"""Words of these prompts that no scene's caption has."""


@dataclass(frozen=True)
class Lesson:
    """A prompt, the scenes of the pictures that it speaks of, and the scene that it asks for.

    Attributes:
        prompt: as it is given to the model; pictures are numbered from 1.
        references: the scenes of those pictures, one object in each.
        wanted: what should be painted.
    """

    prompt: str
    references: tuple[Scene, ...]
    wanted: Scene


def training_lesson(rng: Random, references: int) -> Lesson:
    """A lesson with that many references, 0 to 2, whose wanted scene training may see."""
    return _sampled_until(rng, references, held_out=False)


def unseen_lessons(seed: int, references: Sequence[int]) -> list[Lesson]:
    """Lessons whose wanted scenes training never asks for, with that many references each."""
    rng = lots(seed)
    return [_sampled_until(rng, count, held_out=True) for count in references]


def _sampled_until(rng: Random, references: int, *, held_out: bool) -> Lesson:
    while is_held_out((lesson := _SAMPLES[references](rng)).wanted.caption) != held_out:
        pass
    return lesson


def _from_words(rng: Random) -> Lesson:
    scene = sample_scene(rng, 1)
    return Lesson(scene.caption, (), scene)


def _from_one(rng: Random) -> Lesson:
    """The object of a picture, on another background and at a place of its own."""
    colour, background = rng.sample(list(PAINT), 2)
    thing = Thing(rng.choice(SHAPES), colour)
    place = rng.choice(["", *PLACES])
    wanted = one_object(thing, background, place=place)
    where = {"": "", "center": " in the center"}.get(place, f" at the {place}")
    prompt = f"{_named(rng, thing, 1)}{where} {_ground(background)}"
    return Lesson(prompt, (_shown(rng, thing),), wanted)


def _from_two(rng: Random) -> Lesson:
    """The objects of two pictures, side by side or one above the other."""
    *colours, background = rng.sample(list(PAINT), 3)
    things = [Thing(rng.choice(SHAPES), colour) for colour in colours]
    relation = rng.choice(list(RELATIONS))
    first, second = (_named(rng, thing, number) for number, thing in enumerate(things, 1))
    return Lesson(
        f"{first} {relation} {second} {_ground(background)}",
        tuple(_shown(rng, thing) for thing in things),
        two_objects(things, relation, background),
    )


_SAMPLES = (_from_words, _from_one, _from_two)


def _named(rng: Random, thing: Thing, number: int) -> str:
    shape = thing.shape if rng.random() < NAMED_SHARE else ANY_SHAPE
    return f"the {shape} of picture {number}"


def _ground(background: str) -> str:
    return f"on {with_article(background)} background"


def _shown(rng: Random, thing: Thing) -> Scene:
    """A picture of the thing, at any place and size, on any background but its own colour."""
    background = rng.choice([colour for colour in PAINT if colour != thing.colour])
    return one_object(thing, background, rng.choice(list(RADII)), rng.choice(["", *PLACES]))
