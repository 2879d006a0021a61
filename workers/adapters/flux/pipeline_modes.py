"""The pipeline modes of FLUX: the pipeline class, and its arguments beside text and size.

All pipelines of a variant share one set of loaded components.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from PIL.Image import Resampling

from workers.catalog.flux.fit import CROP, WHITE, fit_picture
from workers.catalog.flux.parameters import FluxParameters

Pictures = Mapping[str, Sequence[Image.Image]]
"""A job's pictures by parameter."""

Arguments = Callable[[FluxParameters, Pictures, int], dict[str, Any]]
"""A pipeline's arguments beside text, size, steps, guidance and generators, from the job, its
pictures and the number of pictures to paint in the call."""

LEAST_STRENGTH = 1e-3
"""Lowest strength: one of the thousand noise levels that the models are trained with."""

_WHOLE = 1e-6
"""Difference of noise levels below which a strength is a whole number of steps."""

Postprocess = Callable[[Image.Image, FluxParameters, Pictures], Image.Image]
"""Changes a painted picture before it is returned."""


@dataclass(frozen=True)
class PipelineMode:
    """A pipeline class with its arguments and its postprocessing.

    Attributes:
        pipeline: the name of its class, see `workers.adapters.flux.checkpoint_kinds.sibling`.
        arguments: makes the arguments of its call.
        postprocess: changes each painted picture.
    """

    pipeline: str
    arguments: Arguments
    postprocess: Postprocess = lambda painted, _parameters, _pictures: painted


def fit_to_output(
    picture: Image.Image,
    parameters: FluxParameters,
    *,
    padding: int | None = None,
    resample: Resampling = Resampling.LANCZOS,
) -> Image.Image:
    """A picture in the output's size, by the job's `fit`; see `workers.catalog.flux.fit`."""
    fit = parameters.get("fit") or CROP
    step = parameters.limits.step
    return fit_picture(picture, parameters.size, fit, step, padding=padding, resample=resample)


def _mask(parameters: FluxParameters, pictures: Pictures) -> Image.Image:
    """The mask in the output's size, white where the picture is padded.

    The pipelines make it gray, and repaint where it is at least half white.
    """
    return fit_to_output(pictures["mask"][0], parameters, padding=WHITE)


def _seam(parameters: FluxParameters, pictures: Pictures) -> Image.Image:
    """The mask in gray and in the output's size, for the seam of what is restored."""
    gray = pictures["mask"][0].convert("L")
    return fit_to_output(gray, parameters, padding=WHITE, resample=Resampling.BILINEAR)


def restore_unmasked(
    painted: Image.Image, parameters: FluxParameters, pictures: Pictures
) -> Image.Image:
    """Restore the exact original where the mask is black: the VAE would change it a little.

    Where the mask is gray the two are blended, so that a soft mask gives a soft seam.
    """
    original = fit_to_output(pictures["image"][0], parameters)
    return Image.composite(painted, original, _seam(parameters, pictures))


def noise_schedule(parameters: FluxParameters) -> dict[str, Any]:
    """The pipelines' arguments for the noise levels, from the requested strength down.

    On their own the pipelines start at the next whole step above the strength: at one step any
    strength repaints all. Here the first step that runs begins at the strength itself. Where that
    is a whole step, the levels are the pipelines' own.
    """
    steps, run = parameters.steps, parameters.run_steps
    levels = np.linspace(1.0, 1 / steps, steps)
    strength = max(parameters.effective_strength, LEAST_STRENGTH)
    if levels[steps - run] - strength > _WHOLE:
        levels[steps - run] = strength
    # Half a step off, so that no rounding leaves the pipelines another number of steps.
    return {"sigmas": levels.tolist(), "strength": (run - 0.5) / steps}


def references_of(pictures: Pictures) -> list[Image.Image] | None:
    """The reference pictures: `images`, or the one `image`; None where there are none."""
    return [*pictures.get("images", ()), *pictures.get("image", ())] or None


def _nothing(_parameters: FluxParameters, _pictures: Pictures, _count: int) -> dict[str, Any]:
    return {}


def _image(parameters: FluxParameters, pictures: Pictures, count: int) -> dict[str, Any]:
    # One copy for each generator: the VAE's random numbers for a picture must come from its seed.
    image = [fit_to_output(pictures["image"][0], parameters)] * count
    return {"image": image, **noise_schedule(parameters)}


def _inpaint(parameters: FluxParameters, pictures: Pictures, count: int) -> dict[str, Any]:
    filled = _fill(parameters, pictures, count)
    return {**filled, **noise_schedule(parameters)}


def _fill(parameters: FluxParameters, pictures: Pictures, count: int) -> dict[str, Any]:
    image = [fit_to_output(pictures["image"][0], parameters)] * count
    return {"image": image, "mask_image": [_mask(parameters, pictures)] * count}


def _kontext(parameters: FluxParameters, pictures: Pictures, _count: int) -> dict[str, Any]:
    images = pictures.get("image")
    return {"image": images[0] if images else None, "max_area": parameters.pixels}


def _kontext_inpaint(parameters: FluxParameters, pictures: Pictures, _count: int) -> dict[str, Any]:
    return {
        "image": fit_to_output(pictures["image"][0], parameters),
        "mask_image": _mask(parameters, pictures),
        **noise_schedule(parameters),
        "max_area": parameters.pixels,
        # The picture has the output's size already; otherwise this pipeline changes the size.
        "_auto_resize": False,
    }


def _references(_parameters: FluxParameters, pictures: Pictures, _count: int) -> dict[str, Any]:
    return {"image": references_of(pictures)}


def _klein_inpaint(parameters: FluxParameters, pictures: Pictures, _count: int) -> dict[str, Any]:
    return {
        "image": fit_to_output(pictures["image"][0], parameters),
        "mask_image": _mask(parameters, pictures),
        "image_reference": [*pictures.get("images", ())],
        **noise_schedule(parameters),
    }


TEXT = PipelineMode("FluxPipeline", _nothing)
IMAGE = PipelineMode("FluxImg2ImgPipeline", _image)
INPAINT = PipelineMode("FluxInpaintPipeline", _inpaint, restore_unmasked)
FILL = PipelineMode("FluxFillPipeline", _fill, restore_unmasked)
KONTEXT = PipelineMode("FluxKontextPipeline", _kontext)
KONTEXT_INPAINT = PipelineMode("FluxKontextInpaintPipeline", _kontext_inpaint, restore_unmasked)
CONTROL = PipelineMode("FluxControlPipeline", _nothing)
KLEIN = PipelineMode("Flux2KleinPipeline", _references)
KLEIN_INPAINT = PipelineMode("KleinInpaintPipeline", _klein_inpaint, restore_unmasked)
FLUX2 = PipelineMode("Flux2Pipeline", _references)
