"""What the rows of the FLUX variants share.

Prices follow the vendor's and the open hosts' published lists and are defaults for the operator
to change, as the batch sizes, deadlines and cost estimates are. A cost estimate need only be
right relative to the other estimates for the same variant: it divides a device fairly.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from db.values.pricing import PIXELS_PER_MEGAPIXEL, Measure
from workers.catalog.flux.parameters import FluxParameters
from workers.catalog.variant import Licence, Variant

GIGABYTE = 10**9
PROMPT_CACHE_BYTES = 256 * 2**20

MOST_READ = 4 * PIXELS_PER_MEGAPIXEL
"""Most pixels that are paid for of a picture that is painted from."""

SPEED = {
    "attention": "native",
    "fp8": None,
    "fuse_qkv": False,
    "compile": False,
    "channels_last": False,
    "offload_text": False,
}
"""See `workers.adapters.flux.optimizations`. As they are, a picture is the one that the bare
pipeline paints, and loading takes no longer than reading the weights."""

_SHAPE = ("width", "height", "num_images", "steps", "guidance", "loras")
"""`num_images` is among them so that `batch_limit` counts samples exactly, `loras` because they
change the weights for a whole call."""
_PICTURES = ("image", "mask", "images", "control_image", "strength")
"""One call of a pipeline paints from one set of them."""

APACHE = Licence("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0")


def batch_fields(parameters: type[FluxParameters]) -> tuple[str, ...]:
    """What jobs that are painted in one call have in common."""
    return tuple(name for name in (*_SHAPE, *_PICTURES) if name in parameters.model_fields)


def painting(variant: Variant, parameters: type[FluxParameters], **changes: Any) -> Variant:
    """A row like another, with its own parameters and whatever else is unlike."""
    shared = batch_fields(parameters)
    return replace(variant, parameters=parameters, batch_fields=shared, **changes)


def non_commercial(repo: str) -> Licence:
    """The licence of the [dev] weights in that repository of their vendor's."""
    return Licence(
        "FLUX Non-Commercial License",
        f"https://huggingface.co/{repo}/blob/main/LICENSE.md",
        commercial_use=False,
        content_filter_required=True,
    )


def options(way: str, *, reads: int, cache: int, **more: Any) -> dict[str, Any]:
    """What `workers.adapters.flux.adapter` reads of a row.

    Args:
        way: how the variant paints, see `workers.adapters.flux.checkpoint_kinds`.
        reads: tokens of a prompt that are read.
        cache: how many encoded prompts are kept.
        more: options of that way; `loras`, those that make the variant.
    """
    return {
        "kind": way,
        "max_sequence_length": reads,
        "prompt_cache": cache,
        "prompt_cache_bytes": PROMPT_CACHE_BYTES,
        **SPEED,
        **more,
    }


def measure(parameters: FluxParameters, inputs: tuple[int, ...]) -> Measure:
    """Pictures, their pixels, and those of each picture that they are painted from.

    A picture above four megapixels is paid for as four, as at the vendor's: more is not read.
    """
    return Measure(
        units=parameters.num_images,
        output_pixels=parameters.pixels,
        input_pixels=tuple(min(pixels, MOST_READ) for pixels in inputs),
    )


def measure_painted(parameters: FluxParameters, _inputs: tuple[int, ...]) -> Measure:
    """Pictures and their pixels: what they are painted from costs nothing."""
    return Measure(units=parameters.num_images, output_pixels=parameters.pixels)


def samples(parameters: FluxParameters) -> int:
    """Pictures in one call of the model."""
    return parameters.num_images


def cost(
    step_seconds: float, fixed_seconds: float, reference_share: float = 0.0
) -> Callable[[FluxParameters], float]:
    """Seconds of a job: `fixed + images * megapixels * steps * step`, attention taken as linear.

    Where a picture is painted over, its strength is the share of the steps that are taken.

    Args:
        step_seconds: of one step of one megapixel.
        fixed_seconds: of everything else.
        reference_share: what a picture to paint from adds to a step, as a share of it.
    """

    def seconds(parameters: FluxParameters) -> float:
        megapixels = parameters.pixels / PIXELS_PER_MEGAPIXEL
        references = len(parameters.given("images") or ()) + bool(parameters.given("image"))
        step = step_seconds * (1 + reference_share * references)
        steps = max(1.0, parameters.steps * parameters.strength_used)
        return fixed_seconds + parameters.num_images * megapixels * steps * step

    return seconds
