"""The ways in which a FLUX pipeline paints: which class, and what it takes beside text and size.

All pipelines of a variant share one set of loaded components.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image
from PIL.Image import Resampling

from workers.catalog.flux.parameters import FluxParameters

Pictures = Mapping[str, Sequence[Image.Image]]
"""A job's pictures by parameter."""

Arguments = Callable[[FluxParameters, Pictures, int], dict[str, Any]]
"""What a pipeline takes beside text, size, steps, guidance and generators, given the job, its
pictures and how many are painted in the call."""

LEAST_STRENGTH = 1e-3
"""Of any number of steps it leaves the last one; less leaves none, which the pipelines refuse."""

Finish = Callable[[Image.Image, FluxParameters, Pictures], Image.Image]
"""What becomes of a painted picture."""


@dataclass(frozen=True)
class PipelineMode:
    """A way to paint.

    Attributes:
        pipeline: the name of its class, see `workers.adapters.flux.checkpoint_kinds.sibling`.
        arguments: what its call takes.
        finish: what is done to each painted picture.
    """

    pipeline: str
    arguments: Arguments
    finish: Finish = lambda painted, _parameters, _pictures: painted


def sized(picture: Image.Image, parameters: FluxParameters) -> Image.Image:
    """A picture stretched to the size that is painted: by rounding, less than a step's worth."""
    return picture.resize(parameters.size, Resampling.LANCZOS)


def mask_of(parameters: FluxParameters, pictures: Pictures) -> Image.Image:
    """The mask in gray and of the size that is painted; white is painted anew."""
    return pictures["mask"][0].convert("L").resize(parameters.size, Resampling.BILINEAR)


def put_back(painted: Image.Image, parameters: FluxParameters, pictures: Pictures) -> Image.Image:
    """The original wherever the mask is black, exactly: the VAE would change it a little.

    Where the mask is gray the two are mixed by it, so that a soft mask gives a soft seam.
    """
    original = sized(pictures["image"][0], parameters)
    return Image.composite(painted, original, mask_of(parameters, pictures))


def strength_of(parameters: FluxParameters) -> float:
    """How much is painted anew, as the pipelines take it: no less than leads to one step."""
    return max(parameters.strength_used, LEAST_STRENGTH)


def references_of(pictures: Pictures) -> list[Image.Image] | None:
    """The pictures to paint from: `images`, or the one `image`; None where there are none."""
    return [*pictures.get("images", ()), *pictures.get("image", ())] or None


def _nothing(_parameters: FluxParameters, _pictures: Pictures, _count: int) -> dict[str, Any]:
    return {}


def _image(parameters: FluxParameters, pictures: Pictures, count: int) -> dict[str, Any]:
    # One copy for each generator: what the VAE draws for a picture must come from its own seed.
    image = [sized(pictures["image"][0], parameters)] * count
    return {"image": image, "strength": strength_of(parameters)}


def _inpaint(parameters: FluxParameters, pictures: Pictures, count: int) -> dict[str, Any]:
    filled = _fill(parameters, pictures, count)
    return {**filled, "strength": strength_of(parameters)}


def _fill(parameters: FluxParameters, pictures: Pictures, count: int) -> dict[str, Any]:
    image = [sized(pictures["image"][0], parameters)] * count
    return {"image": image, "mask_image": [mask_of(parameters, pictures)] * count}


def _kontext(parameters: FluxParameters, pictures: Pictures, _count: int) -> dict[str, Any]:
    given = pictures.get("image")
    return {"image": given[0] if given else None, "max_area": parameters.pixels}


def _kontext_inpaint(parameters: FluxParameters, pictures: Pictures, _count: int) -> dict[str, Any]:
    return {
        "image": sized(pictures["image"][0], parameters),
        "mask_image": mask_of(parameters, pictures),
        "strength": strength_of(parameters),
        "max_area": parameters.pixels,
        # The picture has the size that is painted; else this pipeline paints in another.
        "_auto_resize": False,
    }


def _references(_parameters: FluxParameters, pictures: Pictures, _count: int) -> dict[str, Any]:
    return {"image": references_of(pictures)}


def _klein_inpaint(parameters: FluxParameters, pictures: Pictures, _count: int) -> dict[str, Any]:
    return {
        "image": sized(pictures["image"][0], parameters),
        "mask_image": mask_of(parameters, pictures),
        "image_reference": [*pictures.get("images", ())],
        "strength": strength_of(parameters),
    }


TEXT = PipelineMode("FluxPipeline", _nothing)
IMAGE = PipelineMode("FluxImg2ImgPipeline", _image)
INPAINT = PipelineMode("FluxInpaintPipeline", _inpaint, put_back)
FILL = PipelineMode("FluxFillPipeline", _fill, put_back)
KONTEXT = PipelineMode("FluxKontextPipeline", _kontext)
KONTEXT_INPAINT = PipelineMode("FluxKontextInpaintPipeline", _kontext_inpaint, put_back)
CONTROL = PipelineMode("FluxControlPipeline", _nothing)
KLEIN = PipelineMode("Flux2KleinPipeline", _references)
KLEIN_INPAINT = PipelineMode("KleinInpaintPipeline", _klein_inpaint, put_back)
FLUX2 = PipelineMode("Flux2Pipeline", _references)
