"""Scenes of the demo FLUX as canvases of the demo Florence-2, about as soft as they are painted."""

from random import Random

import numpy as np
from PIL import Image, ImageFilter

from workers.training.scenes.canvas import Canvas, Item, outline
from workers.training.scenes.scene import Placed, Scene, draw, training_scene

SIDE = 128
SOFTEST, NOISIEST = 1.2, 6.0
"""Radius of the blur in pixels, and standard deviation of the noise in levels, at most."""
OBJECTS, OBJECT_WEIGHTS = (1, 2, 3), (0.4, 0.5, 0.1)


def sample_painted(rng: Random) -> Canvas:
    """A canvas of a scene that the demo FLUX may be trained on."""
    return as_canvas(training_scene(rng, rng.choices(OBJECTS, OBJECT_WEIGHTS)[0]), rng)


def as_canvas(scene: Scene, rng: Random) -> Canvas:
    """A scene as a canvas of 128 by 128 pixels, blurred and noisy by lot."""
    items = sorted((_item(placed) for placed in scene.objects), key=lambda item: item.box[0])
    return Canvas(_weathered(draw(scene, SIDE), rng), scene.background, tuple(items))


def _item(placed: Placed) -> Item:
    box = placed.box(SIDE)
    thing = placed.thing
    return Item(thing.shape, thing.colour, box, outline(thing.shape, box))


def _weathered(picture: Image.Image, rng: Random) -> Image.Image:
    soft = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, SOFTEST)))
    noise = np.random.default_rng(rng.getrandbits(32))
    levels = np.asarray(soft, np.float64)
    levels = levels + noise.normal(0, rng.uniform(0, NOISIEST), levels.shape)
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))
