"""The area of a picture that a pipeline repaints, as it reads a mask."""

from dataclasses import dataclass
from enum import StrEnum

from PIL import Image, ImageChops
from PIL.Image import Resampling, Transform

from db.values.mask_levels import HALF_WHITE
from workers.catalog.flux.fit import WHITE, Fit, fit_picture
from workers.catalog.variant import PictureSize


class MaskGrain(StrEnum):
    """The places at which a pipeline reads a mask that has the output's size."""

    PIXEL = "pixel"
    """Every pixel."""
    LATENT = "latent"
    """The upper left pixel of each square of half a step: a pixel of the latents."""
    PATCH = "patch"
    """The middle of each square of a step: a token of the transformer."""


@dataclass(frozen=True)
class Repainted:
    """The pixels of an output that a mask marks.

    Attributes:
        white: pixels that are at least half white.
        read: those of them that the pipeline repaints.
        pixels: all pixels of the output.
        side: the side of the squares in which the pipeline reads the mask, pixels.
    """

    white: int
    read: int
    pixels: int
    side: int


def measure_mask(
    mask: Image.Image, output: PictureSize, fit: Fit, step: int, grain: MaskGrain
) -> Repainted:
    """Count the pixels that a mask marks.

    Args:
        mask: the mask, RGB or gray.
        output: width and height of the output, pixels.
        fit: see `workers.catalog.flux.fit`.
        step: sides of the output are multiples of this.
        grain: the places at which the pipeline reads it.
    """
    fitted = fit_picture(mask, output, fit, step, padding=WHITE).convert("L")
    white = fitted.point(lambda level: WHITE if level >= HALF_WHITE else 0)
    side = {MaskGrain.PIXEL: 1, MaskGrain.LATENT: step // 2, MaskGrain.PATCH: step}[grain]
    read = white if side == 1 else ImageChops.darker(white, _squares(white, side, grain))
    return Repainted(_count(white), _count(read), output[0] * output[1], side)


def _squares(white: Image.Image, side: int, grain: MaskGrain) -> Image.Image:
    """The squares that are white where they are read."""
    if grain is MaskGrain.LATENT:
        squares = _sampled(white, side, 0, 0)
    else:
        # It is interpolated between the four pixels around the middle.
        middle = (side // 2 - 1, side // 2)
        squares = Image.new("L", (white.width // side, white.height // side))
        for x, y in ((x, y) for x in middle for y in middle):
            squares = ImageChops.lighter(squares, _sampled(white, side, x, y))
    return squares.resize(white.size, Resampling.NEAREST)


def _sampled(white: Image.Image, side: int, x: int, y: int) -> Image.Image:
    """The pixel at (x, y) of each square."""
    # Pillow asks for the middle of each pixel: half a square, and here half a pixel.
    to_corner = (1 - side) / 2
    matrix = (side, 0, x + to_corner, 0, side, y + to_corner)
    size = (white.width // side, white.height // side)
    return white.transform(size, Transform.AFFINE, matrix, Resampling.NEAREST)


def _count(picture: Image.Image) -> int:
    return picture.histogram()[WHITE]
