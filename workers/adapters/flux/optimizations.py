"""Optimizations of a FLUX pipeline for speed or for less device memory, as its row's options say.

All are features of diffusers, torch and torchao. An option that this machine or these libraries
do not support is refused when the model is loaded, not when the first job comes.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
import torch
from diffusers.hooks import apply_group_offloading
from diffusers.models.attention import AttentionModuleMixin
from diffusers.models.attention_dispatch import AttentionBackendName, dispatch_attention_fn

from workers.adapters.pinning import Device
from workers.adapters.weights import WeightsError

COMPILED_SHAPES = 64
"""Limit of torch's compilations of the same block. Variants of one worker share the block's code,
and the limit must suffice for all of them."""

_FP8 = {
    "weights": "Float8WeightOnlyConfig",
    "dynamic": "Float8DynamicActivationFloat8WeightConfig",
}
_PROJECTIONS = ("to_q", "to_k", "to_v", "add_q_proj", "add_k_proj", "add_v_proj")
_TEXT_ENCODERS = ("text_encoder", "text_encoder_2")

_log = structlog.get_logger(__name__)


class OptionError(WeightsError):
    """A row has an option that is not supported here; the message names it."""


@dataclass(frozen=True)
class FluxOptimizations:
    """The set-up of one variant's pipeline.

    Attributes:
        variant_id: the variant.
        attention: diffusers' name of the kernels for attention: "native" are torch's.
        fp8: "weights" stores the transformer's weights in 8 bits and computes in 16, "dynamic"
            computes in 8 bits too, on a GPU that can; None does neither. Pictures differ.
        fuse_qkv: computes three projections of attention as one product.
        compile: compiles the transformer's blocks, for pictures of every size and number. Adds
            minutes to loading, unless the kernels are cached from an earlier load.
        channels_last: stores the VAE's weights with the channels last.
        offload_text: keeps text encoders in the host's memory, with each of their layers on the
            device only while it computes.
    """

    variant_id: str
    attention: str = "native"
    fp8: str | None = None
    fuse_qkv: bool = False
    compile: bool = False
    channels_last: bool = False
    offload_text: bool = False

    @classmethod
    def from_options(cls, variant_id: str, options: Mapping[str, Any]) -> "FluxOptimizations":
        """The optimizations that a row's options name."""
        values = {name: options[name] for name in cls.__annotations__ if name in options}
        return cls(variant_id, **values)

    @property
    def supports_loras(self) -> bool:
        """True when LoRAs can be loaded: they change layers that fused or 8-bit ones replace."""
        return not (self.fuse_qkv or self.fp8)

    @property
    def warm_up_batch_sizes(self) -> tuple[int, ...]:
        """The batch sizes of the calls before the first job.

        torch compiles once for one picture, and once more, for any larger number, at two.
        """
        return (1, 2) if self.compile else (1,)

    def place(self, pipeline: Any, device: Device) -> None:
        """Move a pipeline to its device and apply the options.

        Raises:
            OptionError: an option is not supported here.
        """
        if self.offload_text:
            self._offload(pipeline, device)
        pipeline.to(str(device))
        self._set_attention(pipeline.transformer)
        if self.fuse_qkv:
            _fuse(pipeline.transformer)
        if self.fp8:
            self._quantize(pipeline.transformer, self.fp8)
        if self.channels_last:
            pipeline.vae.to(memory_format=torch.channels_last)
        pipeline.vae.enable_slicing()  # large pictures of a batch decode in the memory of one
        if self.compile:
            _allow_dynamic_shapes()
            pipeline.transformer.compile_repeated_blocks(fullgraph=True, dynamic=True)
            _log.info("compiling", variant=self.variant_id, calls=len(self.warm_up_batch_sizes))

    def _offload(self, pipeline: Any, device: Device) -> None:
        for name in _TEXT_ENCODERS:
            encoder = getattr(pipeline, name, None)
            if encoder is not None:
                apply_group_offloading(
                    encoder,
                    onload_device=torch.device(str(device)),
                    offload_type="leaf_level",
                    use_stream=device.kind == "cuda",
                )

    def _set_attention(self, transformer: Any) -> None:
        """Set and try the attention kernels, also where they are torch's own.

        Without a choice of its own, a transformer gets that of another one from diffusers. The
        kernels are tried because diffusers only checks that their package is installed.
        """
        try:
            transformer.set_attention_backend(self.attention)
            some = torch.zeros(1, 128, 1, 64, device=transformer.device, dtype=transformer.dtype)
            dispatch_attention_fn(some, some, some, backend=AttentionBackendName(self.attention))
        except (ValueError, RuntimeError, ImportError, AssertionError) as error:
            raise self._refusal("attention", self.attention, error) from error

    def _quantize(self, transformer: Any, kind: str) -> None:
        try:
            config = _FP8[kind]
            torchao = importlib.import_module("torchao.quantization")
            torchao.quantize_(transformer, getattr(torchao, config)())
        except KeyError as error:
            choice = ValueError(f"choose one of {', '.join(_FP8)}")
            raise self._refusal("fp8", kind, choice) from error
        except (ImportError, RuntimeError, AssertionError) as error:
            raise self._refusal("fp8", kind, error) from error

    def _refusal(self, option: str, value: str, error: Exception) -> OptionError:
        reason = str(error).strip().partition("\n")[0]
        return OptionError(f"{self.variant_id}: {option}={value!r} is not supported here: {reason}")


def _allow_dynamic_shapes() -> None:
    torch._dynamo.config.recompile_limit = COMPILED_SHAPES  # noqa: SLF001 - its only name
    # Otherwise two sizes that happen to be equal, of a picture and of a layer, are taken as one.
    torch.fx.experimental._config.use_duck_shape = False  # noqa: SLF001 - ditto


def _fuse(transformer: Any) -> None:
    """Fuse the projections, and free the originals: they would be on the device twice."""
    transformer.fuse_qkv_projections()
    for module in transformer.modules():
        if isinstance(module, AttentionModuleMixin) and module.fused_projections:
            for name in _PROJECTIONS:
                if getattr(module, name, None) is not None:
                    setattr(module, name, None)
