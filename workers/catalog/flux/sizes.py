"""The size of a FLUX picture: as requested, or that of the picture it is made from."""

import math
import re
from dataclasses import dataclass
from typing import Any

from workers.catalog.validation import refusal
from workers.catalog.variant import PictureSize

SIDE_STEP = 16
"""Sides are multiples of this: a large VAE shrinks by 8 and the transformer takes 2 x 2 patches."""

RATIO = re.compile(r"([1-9][0-9]?):([1-9][0-9]?)")

KONTEXT_SIZES: tuple[PictureSize, ...] = (
    (672, 1568),
    (688, 1504),
    (720, 1456),
    (752, 1392),
    (800, 1328),
    (832, 1248),
    (880, 1184),
    (944, 1104),
    (1024, 1024),
    (1104, 944),
    (1184, 880),
    (1248, 832),
    (1328, 800),
    (1392, 752),
    (1456, 720),
    (1504, 688),
    (1568, 672),
)
"""The sizes of FLUX.1 Kontext's training, as diffusers lists them.

Its name there is `PREFERRED_KONTEXT_RESOLUTIONS`.
"""


@dataclass(frozen=True)
class FluxLimits:
    """Defaults and limits of one FLUX variant.

    Attributes:
        side: default width and height, pixels; an aspect ratio keeps about its square's area.
        min_side: shortest side, pixels.
        max_side: longest side, pixels.
        max_pixels: most pixels of one picture.
        steps: default number of denoising steps.
        max_steps: most steps.
        guidance: default guidance scale.
        guidance_range: lowest and highest guidance, or None for a variant distilled without it.
            Such a variant accepts only 0: a setting that would change nothing is refused
            rather than ignored.
        true_guidance: the default weight of a negative prompt, or None for a variant whose pipeline
            takes none.
        step: sides are multiples of this: twice the factor by which the VAE shrinks.
        preferred_sizes: sizes for edits that request none; the one of the nearest shape is
            chosen. Empty where an edit has the size of its picture.
    """

    side: int
    min_side: int
    max_side: int
    max_pixels: int
    steps: int
    max_steps: int
    guidance: float = 0.0
    guidance_range: tuple[float, float] | None = None
    true_guidance: float | None = None
    step: int = SIDE_STEP
    preferred_sizes: tuple[PictureSize, ...] = ()


def size_for_ratio(ratio: str, pixels: int, step: int = SIDE_STEP) -> PictureSize:
    """The size of about `pixels` pixels with a ratio like "16:9", sides multiples of `step`.

    `width = sqrt(pixels * a / b)`, `height = sqrt(pixels * b / a)`, each rounded to the nearest
    multiple: 16:9 at 1024 x 1024 is 1365.3 x 768, so (1360, 768).
    """
    across, down = map(int, ratio.split(":"))
    return (
        step * round(math.sqrt(pixels * across / down) / step),
        step * round(math.sqrt(pixels * down / across) / step),
    )


def size_of_edit(
    picture: PictureSize, width: int | None, height: int | None, limits: FluxLimits
) -> PictureSize:
    """The size of a picture that is made from another one.

    With one side alone, the other follows from the picture's shape. Without either, the size is
    the picture's own, rounded to the step and scaled into the limits, or the nearest preferred
    size.

    Args:
        picture: width and height of the picture that it is made from.
        width: the requested width.
        height: the requested height.
        limits: the variant's.

    Raises:
        pydantic.ValidationError: no size of that shape is within the limits.
    """
    if width and height:
        return width, height
    shape = picture[0] / picture[1]
    if not width and not height and limits.preferred_sizes:
        return min(limits.preferred_sizes, key=lambda size: abs(size[0] / size[1] - shape))
    size = _from_one_side(shape, width, height, limits.step) or _scaled_into_limits(picture, limits)
    _refuse_outside(size, picture, limits)
    return size


def _from_one_side(
    shape: float, width: int | None, height: int | None, step: int
) -> PictureSize | None:
    if width:
        return width, _rounded_to_step(width / shape, step)
    if height:
        return _rounded_to_step(height * shape, step), height
    return None


def _scaled_into_limits(picture: PictureSize, limits: FluxLimits) -> PictureSize:
    largest = min(
        limits.max_side / max(picture), math.sqrt(limits.max_pixels / (picture[0] * picture[1]))
    )
    smallest = limits.min_side / min(picture)
    scale = min(max(1.0, smallest), largest)
    size = (
        _rounded_to_step(picture[0] * scale, limits.step),
        _rounded_to_step(picture[1] * scale, limits.step),
    )
    # Rounded up, each side may exceed its limit by less than a step.
    while size[0] * size[1] > limits.max_pixels:
        size = _one_step_smaller(size, limits.step)
    return size


def _one_step_smaller(size: PictureSize, step: int) -> PictureSize:
    width, height = size
    return (width - step, height) if width >= height else (width, height - step)


def _rounded_to_step(side: float, step: int) -> int:
    return max(step, step * round(side / step))


def _refuse_outside(size: PictureSize, picture: PictureSize, limits: FluxLimits) -> None:
    fits = all(limits.min_side <= side <= limits.max_side for side in size)
    if fits and size[0] * size[1] <= limits.max_pixels:
        return
    message = (
        f"made from a picture of {picture[0]} x {picture[1]} it would be {size[0]} x {size[1]} "
        f"pixels; sides go from {limits.min_side} to {limits.max_side}, and width times height "
        f"is at most {limits.max_pixels}: give width and height"
    )
    raise refusal("width", "size_out_of_range", message, None)


def resolve_ratio(data: dict[str, Any], limits: FluxLimits) -> dict[str, Any]:
    """Input with `aspect_ratio` replaced by its size, so that a dumped model parses again.

    Raises:
        pydantic.ValidationError: a size is given as well, or the ratio's size is not within the
            limits.
    """
    ratio = data.get("aspect_ratio")
    if not isinstance(ratio, str) or not RATIO.fullmatch(ratio):
        return data
    if data.get("width") is not None or data.get("height") is not None:
        message = "give either aspect_ratio or width and height, not both"
        raise refusal("aspect_ratio", "size_given_twice", message, ratio)
    size = size_for_ratio(ratio, limits.side**2, limits.step)
    if not all(limits.min_side <= side <= limits.max_side for side in size):
        message = (
            f"at this model's default area {ratio} would be {size[0]} x {size[1]} pixels; "
            f"sides go from {limits.min_side} to {limits.max_side}"
        )
        raise refusal("aspect_ratio", "aspect_ratio_out_of_range", message, ratio)
    return {**data, "aspect_ratio": None, "width": size[0], "height": size[1]}
