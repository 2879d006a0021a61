"""A parser that turns a prompt back into the scene that it describes."""

import re

from workers.training.scenes.palette import SCENE_COLOURS, SHAPES
from workers.training.scenes.scene import (
    PLACES,
    RADII,
    RELATIONS,
    Scene,
    Thing,
    one_object,
    three_objects,
    two_objects,
)

_COLOUR = "|".join(SCENE_COLOURS)
_ARTICLE = "(?:an? |the )?"
_BARE = rf"({_COLOUR}) ({'|'.join(SHAPES)})"
_THING = _ARTICLE + _BARE
_SIZE = rf"(?:({'|'.join(filter(None, RADII))}) )?"
_PLACE = rf"(?: (?:at|on|in) the ({'|'.join(PLACES)}))?"
_GROUND = rf" on {_ARTICLE}({_COLOUR}) background"
_RELATION = f" ({'|'.join(RELATIONS)}) "

_ONE = re.compile(_ARTICLE + _SIZE + _BARE + _PLACE + _GROUND)
_TWO = re.compile(_THING + _RELATION + _THING + _GROUND)
_THREE = re.compile(rf"{_THING}, {_THING},? and {_THING}{_GROUND}")


class PromptError(ValueError):
    """The prompt does not have the form of the demo models' captions."""


def parse_prompt(prompt: str) -> Scene:
    """Parse a prompt into its scene, with every object at its exact position.

    Accepted are the captions of training: "a small red circle at the left on a blue background"
    (size and place are optional), "a red circle above a white star on …" and "a red circle, a
    white star and a green square on …"; in upper or lower case, with or without articles and a
    full stop.

    Raises:
        PromptError: the prompt is not such a caption, or two of its colours are the same.
    """
    words = " ".join(prompt.lower().split()).rstrip(".")
    scene = _parse_one(words) or _parse_two(words) or _parse_three(words)
    if scene is None:
        raise PromptError(f"not a scene of the demo models: {prompt!r}")
    colours = [scene.background, *(placed.thing.colour for placed in scene.objects)]
    if len(set(colours)) != len(colours):
        raise PromptError(f"a colour occurs twice: {prompt!r}")
    return scene


def _parse_one(words: str) -> Scene | None:
    if not (found := _ONE.fullmatch(words)):
        return None
    size, colour, shape, place, background = found.groups(default="")
    return one_object(Thing(shape, colour), background, size, place)


def _parse_two(words: str) -> Scene | None:
    if not (found := _TWO.fullmatch(words)):
        return None
    colour, shape, relation, other_colour, other_shape, background = found.groups()
    things = [Thing(shape, colour), Thing(other_shape, other_colour)]
    return two_objects(things, relation, background)


def _parse_three(words: str) -> Scene | None:
    if not (found := _THREE.fullmatch(words)):
        return None
    *named, background = found.groups()
    things = [Thing(shape, colour) for colour, shape in zip(named[::2], named[1::2], strict=True)]
    return three_objects(things, background)
