"""Parts that the rows of the FLUX variants share.

Prices follow the published lists of the vendor and of open hosts. They are defaults that the
operator may change, like the batch sizes, deadlines and cost estimates. For the fair share a cost
estimate need only be right relative to the others for the same variant; deadlines follow from it
with a wide margin. Those of the large models are for one NVIDIA H200: a step's arithmetic, counted
from the architecture, at about 390 TFLOP/s, which it reached (see BENCHMARKS.md).
"""

from dataclasses import replace
from typing import Any

from db.values.pricing import PIXELS_PER_MEGAPIXEL, Measure
from workers.catalog.flux.parameters import FluxParameters
from workers.catalog.variant import Licence, Variant

PROMPT_CACHE_BYTES = 256 * 2**20

MAX_PRICED_PIXELS = 4 * PIXELS_PER_MEGAPIXEL
"""Highest number of pixels that is priced for one input picture."""

_SHAPE = ("width", "height", "num_images", "steps", "guidance", "true_guidance", "loras")
"""`num_images` is included so that `batch_limit` counts samples exactly, `loras` because they
change the weights for a whole call."""
_PICTURES = ("image", "mask", "images", "control_image", "fit", "strength")
"""One call of a pipeline uses one set of them."""

APACHE = Licence("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0")


def batch_fields(parameters: type[FluxParameters]) -> tuple[str, ...]:
    """The parameters that must be equal for jobs in one call."""
    return tuple(name for name in (*_SHAPE, *_PICTURES) if name in parameters.model_fields)


def derive_variant(variant: Variant, parameters: type[FluxParameters], **changes: Any) -> Variant:
    """A row derived from another one, with its own parameters and other changes."""
    shared = batch_fields(parameters)
    return replace(variant, parameters=parameters, batch_fields=shared, **changes)


def non_commercial(repo: str) -> Licence:
    """The licence of the [dev] weights in that repository of their vendor."""
    return Licence(
        "FLUX Non-Commercial License",
        f"https://huggingface.co/{repo}/blob/main/LICENSE.md",
        commercial_use=False,
        content_filter_required=True,
    )


def options(kind: str, *, prompt_tokens: int, cached_prompts: int, **more: Any) -> dict[str, Any]:
    """The options of a row that `workers.adapters.flux.adapter` reads.

    Args:
        kind: the kind of its checkpoint, see `workers.adapters.flux.checkpoint_kinds`.
        prompt_tokens: most tokens of a prompt that the text encoder reads, with those of its chat
            template.
        cached_prompts: most encoded prompts in the cache.
        more: options of that kind; `loras`, those that are part of the variant.
    """
    return {
        "kind": kind,
        "max_sequence_length": prompt_tokens,
        "prompt_cache": cached_prompts,
        "prompt_cache_bytes": PROMPT_CACHE_BYTES,
        **more,
    }


def measure(parameters: FluxParameters, inputs: tuple[int, ...]) -> Measure:
    """The number of pictures, their pixels, and the pixels of each input picture.

    An input above four megapixels is priced as four, as the vendor does: more is not read.
    """
    return Measure(
        units=parameters.num_images,
        output_pixels=parameters.pixels,
        input_pixels=tuple(min(pixels, MAX_PRICED_PIXELS) for pixels in inputs),
    )


def measure_output(parameters: FluxParameters, _inputs: tuple[int, ...]) -> Measure:
    """The number of pictures and their pixels: input pictures cost nothing."""
    return Measure(units=parameters.num_images, output_pixels=parameters.pixels)


def samples(parameters: FluxParameters) -> int:
    """Pictures of the job in one call of the model."""
    return parameters.num_images


def fills_a_device(parameters: FluxParameters) -> bool:
    """True at a megapixel and more: two such pictures take as long in one call as in two."""
    return parameters.pixels >= PIXELS_PER_MEGAPIXEL
