"""Brings a pipeline to its device: quantised layer by layer, and what is offloaded on the host.

A component is read into the host's memory as the library reads it: its tensors are views of the
file, which take no memory of their own. Here each layer is taken to the device, changed there, and
put in the place of the one that was read. So loading takes the memory of the result and of one
layer, on the host and on the device alike.
"""

from collections.abc import Iterator
from typing import Any, cast

import torch
from diffusers.hooks import apply_group_offloading

from workers.adapters.devices import trim_host_memory
from workers.adapters.pinning import Device
from workers.adapters.serving.layers import QUANTIZING, LayerFormat, is_quantizable, layer_format
from workers.adapters.serving.quantization import (
    Fp8Linear,
    QuantizedLinear,
    multiplies_in_fp8,
    quantize,
)
from workers.catalog.serving import Offload, Precision, ServingMode

TEXT_ENCODERS = ("text_encoder", "text_encoder_2")
TRANSFORMER = "transformer"

_HOST = torch.device("cpu")


def place(pipeline: Any, device: Device, mode: ServingMode, dtype: torch.dtype) -> None:
    """Quantise a pipeline's components and bring them to where the mode says.

    Args:
        pipeline: diffusers' pipeline, its components in the host's memory, or already in place.
        device: where it computes.
        mode: how it is served.
        dtype: the type of the computation.

    Raises:
        MissingLibraryError: the precision needs a library that is not installed.
    """
    onto = torch.device(str(device))
    for name, component in pipeline.components.items():
        if isinstance(component, torch.nn.Module):
            stays = _HOST if _is_offloaded(name, mode) else onto
            _place_component(component, onto, stays, mode.precision, dtype)
    _multiply_in_fp8(pipeline.transformer, onto)
    _offload(pipeline, onto, mode)


def _is_offloaded(component: str, mode: ServingMode) -> bool:
    if mode.offload is Offload.NONE:
        return False
    return component in TEXT_ENCODERS or (
        component == TRANSFORMER and mode.offload is Offload.BLOCKS
    )


def _place_component(
    component: torch.nn.Module,
    onto: torch.device,
    stays: torch.device,
    precision: Precision,
    dtype: torch.dtype,
) -> None:
    class_name = type(component).__name__
    if precision in QUANTIZING and is_quantizable(class_name):
        # By name, and not by object: a list of the objects would keep what was read alive.
        for name in [name for name, module in component.named_modules() if _is_plain(module)]:
            stored = layer_format(class_name, name, precision)
            if stored is not LayerFormat.KEPT:
                layer = cast("torch.nn.Linear", component.get_submodule(name))
                _replace(component, name, quantize(layer, stored, onto, dtype).to(stays))
                del layer
                trim_host_memory()  # else malloc would keep a good part of it for later layers
        _cast_rest(component, stays, dtype)
    component.to(stays)


def _is_plain(module: torch.nn.Module) -> bool:
    return isinstance(module, torch.nn.Linear) and not isinstance(module, QuantizedLinear)


def _replace(component: torch.nn.Module, layer: str, by: torch.nn.Module) -> None:
    parent, _, name = layer.rpartition(".")
    setattr(component.get_submodule(parent), name, by)


def _cast_rest(component: torch.nn.Module, stays: torch.device, dtype: torch.dtype) -> None:
    """Bring what is not quantised to the computation's type, module by module.

    What a library keeps in 32 bits beside float16 stays so, and buffers that no checkpoint has are
    not cast: they hold positions, which 16 bits are too short for.
    """
    exact = tuple(getattr(component, "_keep_in_fp32_modules", None) or ())
    for name, module in component.named_modules():
        if isinstance(module, QuantizedLinear):
            continue
        keeps = dtype is torch.float16 and any(part in exact for part in name.split("."))
        into = torch.float32 if keeps else dtype
        for tensor in _checkpoint_tensors(module):
            if tensor.is_floating_point():
                tensor.data = tensor.data.to(stays, into)


def _checkpoint_tensors(module: torch.nn.Module) -> Iterator[torch.Tensor]:
    """The parameters and kept buffers that a module itself has."""
    yield from module.parameters(recurse=False)
    transient = module._non_persistent_buffers_set  # noqa: SLF001 - torch has no public name for it
    for name, buffer in module.named_buffers(recurse=False):
        if name not in transient:
            yield buffer


def _multiply_in_fp8(transformer: torch.nn.Module, device: torch.device) -> None:
    """Let the transformer's 8-bit floats be multiplied as such, where the device can.

    Text encoders have activations too large for it, and run once for a prompt.
    """
    layers = [module for module in transformer.modules() if isinstance(module, Fp8Linear)]
    if layers and multiplies_in_fp8(device):
        for layer in layers:
            layer.dynamic = True


def _offload(pipeline: Any, device: torch.device, mode: ServingMode) -> None:
    if mode.offload is Offload.NONE:
        return
    # While one layer computes, the next one is copied.
    streams = {"use_stream": device.type == "cuda"}
    for name in TEXT_ENCODERS:
        encoder = getattr(pipeline, name, None)
        if encoder is not None:
            apply_group_offloading(
                encoder, onload_device=device, offload_type="leaf_level", **streams
            )
    if mode.offload is Offload.BLOCKS:
        apply_group_offloading(
            pipeline.transformer,
            onload_device=device,
            offload_type="block_level",
            num_blocks_per_group=1,
            **streams,
        )
