"""A FLUX pipeline made ready as its `ServingMode` says: placed, its attention set, compiled.

All are features of diffusers, torch and bitsandbytes, or of `workers.adapters.serving`. What this
machine or these libraries do not support is refused when the model is loaded, not when the first
job comes.
"""

from typing import Any

import structlog
import torch
from diffusers.models.attention_dispatch import AttentionBackendName, dispatch_attention_fn

from workers.adapters.pinning import Device
from workers.adapters.serving.placement import place
from workers.adapters.serving.quantization import MissingLibraryError
from workers.adapters.weights import WeightsError
from workers.catalog.serving import Offload, ServingMode

COMPILED_SHAPES = 64
"""Limit of torch's compilations of the same block. Variants of one worker share the block's code,
and the limit must suffice for all of them."""

_log = structlog.get_logger(__name__)


class OptionError(WeightsError):
    """A way to serve that is not supported here; the message names it."""


def make_ready(
    pipeline: Any, variant_id: str, mode: ServingMode, device: Device, dtype: torch.dtype
) -> None:
    """Bring a pipeline to its device, in the way that it is served.

    Args:
        pipeline: diffusers' pipeline.
        variant_id: the variant, for messages.
        mode: how it is served.
        device: where it computes.
        dtype: the type of the computation.

    Raises:
        OptionError: the way is not supported here.
    """
    if mode.compile and mode.offload is Offload.BLOCKS:
        raise OptionError(
            f"{variant_id}: compile=on is not supported with offload=blocks: "
            "choose compile=off, or offload=text"
        )
    try:
        place(pipeline, device, mode, dtype)
    except MissingLibraryError as error:
        raise OptionError(f"{variant_id}: precision={mode.precision.value}: {error}") from error
    _set_attention(pipeline.transformer, variant_id, mode.attention, device, dtype)
    pipeline.vae.enable_slicing()  # large pictures of a batch decode in the memory of one
    if mode.compile:
        _allow_dynamic_shapes()
        pipeline.transformer.compile_repeated_blocks(fullgraph=True, dynamic=True)
        _log.info("compiling", variant=variant_id, calls=len(warm_up_batch_sizes(mode)))


def warm_up_batch_sizes(mode: ServingMode) -> tuple[int, ...]:
    """The batch sizes of the calls before the first job.

    torch compiles once for one picture, and once more, for any larger number, at two.
    """
    return (1, 2) if mode.compile else (1,)


def _set_attention(
    transformer: Any, variant_id: str, attention: str, device: Device, dtype: torch.dtype
) -> None:
    """Set and try the attention kernels, also where they are torch's own.

    Without a choice of its own, a transformer gets that of another one from diffusers. The
    kernels are tried because diffusers only checks that their package is installed.
    """
    names = [each.value for each in AttentionBackendName]
    if attention not in names:
        raise OptionError(
            f"{variant_id}: attention={attention!r} is not known: choose one of {', '.join(names)}"
        )
    try:
        transformer.set_attention_backend(attention)
        some = torch.zeros(1, 128, 1, 64, device=str(device), dtype=dtype)
        dispatch_attention_fn(some, some, some, backend=AttentionBackendName(attention))
    except (ValueError, RuntimeError, ImportError, AssertionError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise OptionError(
            f"{variant_id}: attention={attention!r} is not supported here: {reason}; "
            "native is everywhere"
        ) from error


def _allow_dynamic_shapes() -> None:
    torch._dynamo.config.recompile_limit = COMPILED_SHAPES  # noqa: SLF001 - its only name
    # Otherwise two sizes that happen to be equal, of a picture and of a layer, are taken as one.
    torch.fx.experimental._config.use_duck_shape = False  # noqa: SLF001 - ditto
