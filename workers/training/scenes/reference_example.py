"""Training and test examples of the demo FLUX.2: prompts with zero to two reference pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from workers.training.scenes.palette import SCENE_COLOURS, SHAPES, seeded_random, with_article
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
"""The word for a shape that the prompt does not name; the reference shows it."""
NAMED_SHARE = 0.5
WORDS = ("object", "picture", "1", "2")
"""Words of these prompts that do not occur in captions of scenes."""


@dataclass(frozen=True)
class ReferenceExample:
    """A prompt, the scenes of its reference pictures, and the target scene.

    Attributes:
        prompt: the text for the model; it numbers the pictures from 1.
        references: the scenes of the reference pictures, with one object each.
        target: the scene that should be generated.
    """

    prompt: str
    references: tuple[Scene, ...]
    target: Scene


def training_example(rng: Random, references: int) -> ReferenceExample:
    """An example with so many references, 0 to 2, whose target may be used in training."""
    return _sampled_until(rng, references, held_out=False)


def unseen_examples(seed: int, references: Sequence[int]) -> list[ReferenceExample]:
    """Examples whose targets training never uses, with so many references each."""
    rng = seeded_random(seed)
    return [_sampled_until(rng, count, held_out=True) for count in references]


def _sampled_until(rng: Random, references: int, *, held_out: bool) -> ReferenceExample:
    while is_held_out((example := _SAMPLERS[references](rng)).target.caption) != held_out:
        pass
    return example


def _sample_text_only(rng: Random) -> ReferenceExample:
    scene = sample_scene(rng, 1)
    return ReferenceExample(scene.caption, (), scene)


def _sample_one_reference(rng: Random) -> ReferenceExample:
    """The object of a picture, on another background and at another place."""
    colour, background = rng.sample(list(SCENE_COLOURS), 2)
    thing = Thing(rng.choice(SHAPES), colour)
    place = rng.choice(["", *PLACES])
    target = one_object(thing, background, place=place)
    where = {"": "", "center": " in the center"}.get(place, f" at the {place}")
    prompt = f"{_named(rng, thing, 1)}{where} {_ground(background)}"
    return ReferenceExample(prompt, (_reference(rng, thing),), target)


def _sample_two_references(rng: Random) -> ReferenceExample:
    """The objects of two pictures, side by side or one above the other."""
    *colours, background = rng.sample(list(SCENE_COLOURS), 3)
    things = [Thing(rng.choice(SHAPES), colour) for colour in colours]
    relation = rng.choice(list(RELATIONS))
    first, second = (_named(rng, thing, number) for number, thing in enumerate(things, 1))
    return ReferenceExample(
        f"{first} {relation} {second} {_ground(background)}",
        tuple(_reference(rng, thing) for thing in things),
        two_objects(things, relation, background),
    )


_SAMPLERS = (_sample_text_only, _sample_one_reference, _sample_two_references)


def _named(rng: Random, thing: Thing, number: int) -> str:
    shape = thing.shape if rng.random() < NAMED_SHARE else ANY_SHAPE
    return f"the {shape} of picture {number}"


def _ground(background: str) -> str:
    return f"on {with_article(background)} background"


def _reference(rng: Random, thing: Thing) -> Scene:
    """A scene with the object at any place and size, on any background of another colour."""
    background = rng.choice([colour for colour in SCENE_COLOURS if colour != thing.colour])
    return one_object(thing, background, rng.choice(list(RADII)), rng.choice(["", *PLACES]))
