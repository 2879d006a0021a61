"""The memory that a call of a model takes beside its weights.

A picture is denoised and then decoded, so the larger of the two counts. Both were counted on the
published models: the tensors that live at one moment, in 16 bits, with fused attention, whose
memory grows with the number of tokens and not with its square
(`tests/conformance/workers/adapters/serving/test_working_set.py` counts them anew).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from db.values.pricing import PIXELS_PER_MEGAPIXEL
from workers.adapters.serving.component import Component, Role
from workers.catalog.flux.sizes import FluxLimits
from workers.catalog.serving import Precision
from workers.catalog.variant import Family, Variant

CONTEXT_BYTES = 600_000_000
"""Memory of a card that CUDA itself takes for a process, its libraries' workspaces included."""

TILE_PIXELS = PIXELS_PER_MEGAPIXEL
"""Pixels of a tile: the VAE's `sample_size` squared."""

NUMBERS_PER_TOKEN = {"FluxTransformer2DModel": 17.4, "Flux2Transformer2DModel": 21.8}
"""Numbers that live while one of the blocks computes, for each token and unit of width."""

_MOST_PER_TOKEN = max(NUMBERS_PER_TOKEN.values())
VAE_BYTES_PER_PIXEL = 1_613_000_000 / PIXELS_PER_MEGAPIXEL
"""Bytes that live while a picture is decoded, where the VAE's first stage has 128 channels."""

_VAE_WIDTH = 128
_TOKEN_PIXELS = 16 * 16
_TEXT_TOKENS = 512
_TEXT_ACTIVATIONS = 300_000_000
_VISITING = 1.25
"""A text encoder's largest layer on the device, with the next one, which is a small one."""

_FRAGMENTATION = 1.05
"""torch's allocator keeps blocks that no tensor fills."""

_READS_REFERENCES = frozenset({"kontext", "klein", "flux2"})
"""Kinds of checkpoints whose transformer reads the input pictures as further tokens."""


@dataclass(frozen=True)
class JobSize:
    """The sizes on which a job's memory depends.

    Attributes:
        pixels: of one picture that is painted.
        pictures: painted in one call.
        references: input pictures of a megapixel each, read beside the one that is painted.
    """

    pixels: int = PIXELS_PER_MEGAPIXEL
    pictures: int = 1
    references: int = 0

    @property
    def tokens(self) -> int:
        """Tokens of the transformer."""
        pixels = self.pixels + self.references * PIXELS_PER_MEGAPIXEL
        return self.pictures * (pixels // _TOKEN_PIXELS + _TEXT_TOKENS)


def usual_job(variant: Variant) -> JobSize:
    """One picture of the row's default size, from one reference where the model reads them."""
    limits = _flux_limits(variant)
    if limits is None:
        return JobSize(0)
    reads = variant.options.get("kind") in _READS_REFERENCES
    return JobSize(limits.side**2, references=int(reads))


def largest_job(variant: Variant) -> JobSize:
    """One picture of the most pixels that the row allows."""
    limits = _flux_limits(variant)
    return replace(usual_job(variant), pixels=limits.max_pixels if limits else 0)


def _flux_limits(variant: Variant) -> FluxLimits | None:
    """The limits of the pictures that a row paints; None for one that paints none."""
    limits = getattr(variant.parameters, "limits", None)
    return limits if isinstance(limits, FluxLimits) else None


def working_bytes(
    variant: Variant,
    components: Iterable[Component],
    job: JobSize,
    *,
    precision: Precision,
    number_bytes: int = 2,
    text_waits: bool = False,
) -> int:
    """The most bytes that a call takes beside the weights on the device.

    Args:
        variant: the row.
        components: of its checkpoint.
        job: the job of the call.
        precision: of the weights; a quantised layer is unpacked while it computes.
        number_bytes: bytes of a number in the format of the computation.
        text_waits: true when the text encoders wait in the host's memory, and their layers visit
            the device one after another.
    """
    parts = list(components)
    if variant.family is Family.FLORENCE2:
        return _florence2(variant.options, parts, number_bytes)
    painting = max(
        _denoising(parts, job, precision, number_bytes),
        _decoding(parts, job, number_bytes),
        _encoding(parts, number_bytes, text_waits=text_waits),
    )
    kept: int = variant.options.get("prompt_cache_bytes", 0)
    return int(_FRAGMENTATION * painting) + kept


def _florence2(options: dict[str, Any], parts: list[Component], number_bytes: int) -> int:
    """About as much as the weights, for a batch of pictures, and the features that are kept."""
    weights = sum(part.bytes_in(Precision.BF16, number_bytes) for part in parts)
    kept: int = options.get("picture_cache_bytes", 0)
    return weights + kept


def _denoising(
    parts: list[Component], job: JobSize, precision: Precision, number_bytes: int
) -> float:
    transformer = next((part for part in parts if part.role is Role.TRANSFORMER), None)
    if transformer is None:
        return 0
    is_packed = precision not in (Precision.BF16, Precision.FP16)
    unpacked = transformer.largest * number_bytes if is_packed else 0
    numbers = NUMBERS_PER_TOKEN.get(transformer.component_class, _MOST_PER_TOKEN)
    return job.tokens * transformer.width * numbers * number_bytes + unpacked


def _decoding(parts: list[Component], job: JobSize, number_bytes: int) -> float:
    """Pictures of a call are decoded one after another, and large ones in tiles if they must."""
    vae = max((part.width for part in parts if part.role is Role.OTHER), default=0)
    pixels = min(job.pixels, TILE_PIXELS)
    return pixels * VAE_BYTES_PER_PIXEL * vae / _VAE_WIDTH * number_bytes / 2


def _encoding(parts: list[Component], number_bytes: int, *, text_waits: bool) -> float:
    """The layer of a waiting text encoder that computes, and the one that is on its way."""
    layers = [_VISITING * part.largest * number_bytes for part in parts if part.role is Role.TEXT]
    visiting = max(layers, default=0) if text_waits else 0
    scale = min(1.0, sum(part.parameters for part in parts if part.role is Role.TEXT) / 10**9)
    return visiting + _TEXT_ACTIVATIONS * scale
