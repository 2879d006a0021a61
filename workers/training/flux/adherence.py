"""Prompt adherence: a pixel-based check that a picture shows what its prompt describes."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from workers.training.scenes.palette import SCENE_COLOURS, SHAPES, Box
from workers.training.scenes.prompt_parser import parse_prompt
from workers.training.scenes.scene import PlacedThing, Scene, Thing, draw_object

Mask = npt.NDArray[np.bool_]

NAMES = tuple(SCENE_COLOURS)

PLACE_TOLERANCE = 0.1
"""The largest offset of an object's middle, as a fraction of the picture's side."""
AREA_RANGE = (0.4, 2.5)
"""The accepted range of an object's area relative to its target."""
FRAME_SHARE = 1 / 24
"""Width of the frame that the background is checked in, as a share of the picture's side."""
FRAME_PURITY = 0.85
"""The least share of the frame's pixels in the background's colour."""
CLEAN_SHARE = 0.93
"""The least share of pixels in the scene's colours; the rest are smoothed edges."""

TEMPLATE_SIDE = 256
NORMAL_SIDE = 32
ASPECT_PENALTY = 0.3
COMPONENTS_TRIED = 6
MIDDLE, FULL = 127, 255


@dataclass(frozen=True)
class Adherence:
    """The correct aspects of a picture.

    Attributes:
        background: the frame has the background's colour.
        colour: each object is there, in its colour and at about its size.
        place: each object is at its place.
        shape: each object has its shape.
        clean: almost no pixel has a colour that is not in the scene.
        boxes: the box of each object, in pixels and in the scene's order; None if it is missing.
    """

    background: bool
    colour: bool
    place: bool
    shape: bool
    clean: bool
    boxes: tuple[Box | None, ...]

    @property
    def right(self) -> bool:
        """True when all aspects are correct."""
        return self.background and self.colour and self.place and self.shape and self.clean


def check_prompt(picture: Image.Image, prompt: str) -> Adherence:
    """Check a picture against a prompt of the demo models.

    Raises:
        PromptError: the prompt does not have the form of the demo models' captions.
    """
    return check(picture, parse_prompt(prompt))


def check(picture: Image.Image, scene: Scene) -> Adherence:
    """Check a picture of any size against its target scene."""
    nearest = _nearest_colours(picture)
    masks = [_object_mask(nearest, placed) for placed in scene.objects]
    found = [(mask, placed) for mask, placed in zip(masks, scene.objects, strict=True)]
    return Adherence(
        background=_is_background(nearest, scene.background),
        colour=all(mask is not None for mask in masks),
        place=all(mask is not None and _in_place(mask, placed) for mask, placed in found),
        shape=all(
            mask is not None and _shape(mask) == placed.thing.shape for mask, placed in found
        ),
        clean=_is_clean(nearest, scene),
        boxes=tuple(
            None
            if mask is None
            else _box(_grown(mask, nearest == NAMES.index(placed.thing.colour)))
            for mask, placed in found
        ),
    )


def _nearest_colours(picture: Image.Image) -> npt.NDArray[np.intp]:
    """The index into `NAMES` of each pixel's nearest colour in RGB; (height, width)."""
    pixels = np.asarray(picture.convert("RGB"), np.float32)
    palette = np.array(list(SCENE_COLOURS.values()), np.float32)
    # |p - c|² without the term |p|², which is the same for every colour c
    distances = (palette**2).sum(-1) - 2 * pixels @ palette.T
    nearest: npt.NDArray[np.intp] = distances.argmin(-1)
    return nearest


def _is_background(nearest: npt.NDArray[np.intp], colour: str) -> bool:
    width = max(2, int(min(nearest.shape) * FRAME_SHARE))
    frame = np.ones(nearest.shape, bool)
    frame[width:-width, width:-width] = False
    return bool((nearest[frame] == NAMES.index(colour)).mean() > FRAME_PURITY)


def _is_clean(nearest: npt.NDArray[np.intp], scene: Scene) -> bool:
    expected = {scene.background, *(placed.thing.colour for placed in scene.objects)}
    share = np.isin(nearest, [NAMES.index(colour) for colour in expected]).mean()
    return bool(share > CLEAN_SHARE)


def _object_mask(nearest: npt.NDArray[np.intp], placed: PlacedThing) -> Mask | None:
    """The largest patch of the object's colour; None if its size is too different."""
    patch = _largest_patch(_opened(nearest == NAMES.index(placed.thing.colour)))
    if patch is None:
        return None
    fill, _ = _template(placed.thing.shape)
    height, width = nearest.shape
    reach = placed.radius * min(width, height)
    expected = float(fill.mean()) * (2 * reach) ** 2 / (width * height)
    low, high = AREA_RANGE
    return patch if low * expected < patch.mean() < high * expected else None


def _opened(mask: Mask) -> Mask:
    """The mask without parts thinner than three pixels, such as smoothed edges."""
    image = Image.fromarray(mask.astype(np.uint8) * FULL)
    image = image.filter(ImageFilter.MinFilter(3)).filter(ImageFilter.MaxFilter(3))
    opened: Mask = np.asarray(image) > MIDDLE
    return opened


def _largest_patch(mask: Mask) -> Mask | None:
    """The largest connected patch among the first few; None for an empty mask."""
    patches: list[Mask] = []
    rest = mask.copy()
    while rest.any() and len(patches) < COMPONENTS_TRIED:
        patches.append(_patch_in(rest))
        rest &= ~patches[-1]
    return max(patches, key=lambda patch: int(patch.sum()), default=None)


def _patch_in(mask: Mask) -> Mask:
    """The connected patch around the median pixel of a mask, in reading order."""
    return _grown(mask, mask)


def _grown(seed: Mask, mask: Mask) -> Mask:
    """The connected patch of a mask around the median pixel of a seed inside the mask.

    With an opened patch as the seed, it contains the tips again that opening removed.
    """
    rows, columns = np.nonzero(seed)
    middle = len(rows) // 2
    patch = np.zeros_like(mask)
    patch[rows[middle], columns[middle]] = True
    size = 0
    while size != (size := int(patch.sum())):
        patch = _dilated(patch) & mask
    return patch


def _dilated(mask: Mask) -> Mask:
    """The mask and the four neighbours of each of its pixels."""
    wider = mask.copy()
    wider[1:] |= mask[:-1]
    wider[:-1] |= mask[1:]
    wider[:, 1:] |= mask[:, :-1]
    wider[:, :-1] |= mask[:, 1:]
    return wider


def _box(mask: Mask) -> Box:
    rows, columns = np.nonzero(mask)
    return (
        float(columns.min()),
        float(rows.min()),
        float(columns.max() + 1),
        float(rows.max() + 1),
    )


def _in_place(mask: Mask, placed: PlacedThing) -> bool:
    left, top, right, bottom = _box(mask)
    height, width = mask.shape
    dx = (left + right) / 2 / width - placed.x
    dy = (top + bottom) / 2 / height - placed.y
    return bool(max(abs(dx), abs(dy)) < PLACE_TOLERANCE)


def _shape(mask: Mask) -> str:
    """The shape whose template, scaled to the mask's box, overlaps most with it."""
    return max(SHAPES, key=lambda shape: _likeness(_normal(mask), _template(shape)))


Normal = tuple[npt.NDArray[np.float32], float]
"""The coverage of each of 32 by 32 cells of a mask's box, and the box's height by its width."""


def _likeness(one: Normal, other: Normal) -> float:
    """Intersection over union of the cells, minus a penalty for different proportions."""
    (cells, aspect), (other_cells, other_aspect) = one, other
    overlap = np.minimum(cells, other_cells).sum() / np.maximum(cells, other_cells).sum()
    return float(overlap) - ASPECT_PENALTY * abs(math.log(aspect / other_aspect))


def _normal(mask: Mask) -> Normal:
    left, top, right, bottom = map(int, _box(mask))
    cut = Image.fromarray(mask[top:bottom, left:right].astype(np.uint8) * FULL)
    small = cut.resize((NORMAL_SIDE, NORMAL_SIDE), Image.Resampling.BOX)
    cells = np.asarray(small, np.float32) / np.float32(FULL)
    return cells, (bottom - top) / (right - left)


@cache
def _template(shape: str) -> Normal:
    image = Image.new("L", (TEMPLATE_SIDE, TEMPLATE_SIDE))
    placed = PlacedThing(Thing(shape, NAMES[0]), 0.5, 0.5, 0.3)
    draw_object(ImageDraw.Draw(image), placed, FULL, TEMPLATE_SIDE)
    return _normal(np.asarray(image) > MIDDLE)
