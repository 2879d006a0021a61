"""Scenes of the demo FLUX as canvases of the demo Florence-2, as blurred as FLUX's output."""

from random import Random

import numpy as np
from PIL import Image, ImageFilter

from workers.training.scenes.canvas import Canvas, Item, outline
from workers.training.scenes.scene import PlacedThing, Scene, draw, training_scene

SIDE = 128
MAX_BLUR, MAX_NOISE = 1.2, 6.0
"""The largest blur radius in pixels, and the largest standard deviation of the noise in levels."""
OBJECTS, OBJECT_WEIGHTS = (1, 2, 3), (0.4, 0.5, 0.1)


def sample_scene_canvas(rng: Random) -> Canvas:
    """Draw the canvas of a random scene that training may use."""
    return render_canvas(training_scene(rng, rng.choices(OBJECTS, OBJECT_WEIGHTS)[0]), rng)


def render_canvas(scene: Scene, rng: Random) -> Canvas:
    """Draw a scene as a canvas of 128 by 128 pixels, with random blur and noise."""
    items = sorted((_item(placed) for placed in scene.objects), key=lambda item: item.box[0])
    return Canvas(_degrade(draw(scene, SIDE), rng), scene.background, tuple(items))


def _item(placed: PlacedThing) -> Item:
    box = placed.box(SIDE)
    thing = placed.thing
    return Item(thing.shape, thing.colour, box, outline(thing.shape, box))


def _degrade(picture: Image.Image, rng: Random) -> Image.Image:
    blurred = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, MAX_BLUR)))
    noise = np.random.default_rng(rng.getrandbits(32))
    levels = np.asarray(blurred, np.float64)
    levels = levels + noise.normal(0, rng.uniform(0, MAX_NOISE), levels.shape)
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))
