"""Linear layers with their weights in 8 or 4 bits, computed in 16 or 32.

They are `torch.nn.Linear` to everything around them: hooks that offload, LoRAs of peft, `to()`.
All that they store are plain tensors, so whatever moves a module moves them whole. The packed
numbers are typed int8, whatever they mean: torch has hardly an operation for its 8-bit floats,
and models cast their activations to the type of a layer's weights unless it is this one.
"""

import importlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.nn import functional

from workers.adapters.serving.layers import NF4_BLOCK, NF4_NESTED_BLOCK, LayerFormat

CHUNK = 2**22
"""Numbers that are quantised at once, so that the work beside a layer's weights stays small."""

_INT8_MOST = 127
_FP8 = torch.float8_e4m3fn
_FP8_MOST = torch.finfo(_FP8).max
_SCALED_STEP = 16
"""Both sides of a product in 8-bit floats are multiples of this."""


class MissingLibraryError(Exception):
    """A precision needs a library that is not installed; the message names its extra."""


class QuantizedLinear(torch.nn.Linear):
    """A linear layer whose `weight` is packed; `dequantized` unpacks it for each call."""

    def __init__(
        self, shape: tuple[int, int], packed: torch.Tensor, bias: torch.Tensor | None
    ) -> None:
        """Hold the weights.

        Args:
            shape: outputs and inputs.
            packed: the numbers, one byte each entry.
            bias: of shape (outputs,).
        """
        super().__init__(shape[1], shape[0], bias=False, device="meta")
        self.weight = torch.nn.Parameter(packed.view(torch.int8), requires_grad=False)
        if bias is not None:
            self.bias = torch.nn.Parameter(bias, requires_grad=False)

    def dequantized(self, dtype: torch.dtype) -> torch.Tensor:
        """The weights as (outputs, inputs) in a floating type."""
        raise NotImplementedError

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Multiply as a linear layer does, in the type of `inputs`."""
        return functional.linear(inputs, self.dequantized(inputs.dtype), self.bias)


class ScaledLinear(QuantizedLinear):
    """A layer with one scale for each output."""

    scale: torch.Tensor

    def __init__(
        self,
        shape: tuple[int, int],
        packed: torch.Tensor,
        bias: torch.Tensor | None,
        scale: torch.Tensor,
    ) -> None:
        """Hold the weights; `scale` has shape (outputs, 1)."""
        super().__init__(shape, packed, bias)
        self.register_buffer("scale", scale)


class Int8Linear(ScaledLinear):
    """Integers from -127 to 127, and one scale for each output."""

    def dequantized(self, dtype: torch.dtype) -> torch.Tensor:
        """The integers times their scales: one operation where the scale has the type asked."""
        return (self.weight * self.scale).to(dtype)


class Fp8Linear(ScaledLinear):
    """Floats of 8 bits (e4m3), and one scale for each output.

    Attributes:
        dynamic: true to multiply in 8 bits too, with one scale for each row of the inputs.
    """

    dynamic = False

    def dequantized(self, dtype: torch.dtype) -> torch.Tensor:
        """The floats times their scales."""
        return self.weight.view(_FP8).to(dtype).mul_(self.scale)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Multiply as a linear layer does, in 8 bits where that is on."""
        if not (self.dynamic and inputs.dtype is torch.bfloat16):
            return super().forward(inputs)
        rows = inputs.reshape(-1, self.in_features)
        most = rows.abs().amax(dim=1, keepdim=True).float()
        scale = most.clamp(min=torch.finfo(torch.float32).tiny) / _FP8_MOST
        product = scaled_product((rows / scale).to(_FP8), scale, self.weight.view(_FP8), self.scale)
        if self.bias is not None:
            product = product + self.bias
        return product.reshape(*inputs.shape[:-1], self.out_features)


class Nf4Linear(QuantizedLinear):
    """Four bits a number (NF4): blocks of 64 share a scale in 8 bits, 256 of which share one.

    The format and its kernels are those of bitsandbytes.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        packed: torch.Tensor,
        bias: torch.Tensor | None,
        scales: dict[str, torch.Tensor],
        kind: str = "nf4",
    ) -> None:
        """Hold the weights.

        Args:
            shape: outputs and inputs.
            packed: two numbers a byte.
            bias: of shape (outputs,).
            scales: `absmax` in 32 bits, or in 8 bits with their own `nested_absmax`,
                `nested_code` and `offset`.
            kind: bitsandbytes' name of the table of numbers, "nf4" or "fp4".
        """
        super().__init__(shape, packed, bias)
        _bitsandbytes()
        self._kind = kind
        for name in ("absmax", "nested_absmax", "nested_code", "offset"):
            self.register_buffer(name, scales.get(name))

    def dequantized(self, dtype: torch.dtype) -> torch.Tensor:
        """The numbers times their scales."""
        scales: Any = self.absmax
        if self.nested_absmax is not None:
            scales = torch.ops.bitsandbytes.dequantize_blockwise.default(
                scales, self.nested_absmax, self.nested_code, NF4_NESTED_BLOCK, torch.float32
            )
            scales = scales + self.offset
        shape = [self.out_features, self.in_features]
        packed = self.weight.view(torch.uint8)
        unpacked: torch.Tensor = torch.ops.bitsandbytes.dequantize_4bit.default(
            packed, scales, NF4_BLOCK, self._kind, shape, dtype
        )
        return unpacked


def scaled_product(
    rows: torch.Tensor, row_scale: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """`rows @ weight.T` of 8-bit floats, each row of both with a scale; the result has 16 bits."""
    by_row = functional.ScalingType.RowWise
    return functional.scaled_mm(
        rows,
        weight.t(),
        row_scale,
        by_row,
        scale.t(),
        by_row,
        output_dtype=torch.bfloat16,
    )


def multiplies_in_fp8(device: torch.device) -> bool:
    """True when a device multiplies 8-bit floats itself: CUDA from capability 8.9 on."""
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < (8, 9):
        return False
    one = torch.ones(_SCALED_STEP, _SCALED_STEP, device=device)
    scale = torch.ones(_SCALED_STEP, 1, device=device)
    try:
        scaled_product(one.to(_FP8), scale, one.to(_FP8), scale)
    except (RuntimeError, ValueError, NotImplementedError):  # a build without that kernel
        return False
    return True


def quantize(
    linear: torch.nn.Linear, stored: LayerFormat, device: torch.device, dtype: torch.dtype
) -> torch.nn.Linear:
    """A layer like this one with its weights in another format.

    Args:
        linear: the layer; it is left as it is.
        stored: the format, not `KEPT`.
        device: where it is quantised, and stays.
        dtype: the type of the computation.

    Raises:
        MissingLibraryError: the format needs a library that is not installed.
    """
    weight = linear.weight.detach().to(device)
    bias = None if linear.bias is None else linear.bias.detach().to(device, dtype)
    shape = (linear.out_features, linear.in_features)
    # bitsandbytes' kernels take no odd number of inputs.
    if stored is LayerFormat.NF4 and linear.in_features % 2 == 0:
        packed, scales = _to_nf4(weight)
        return Nf4Linear(shape, packed, bias, scales)
    if stored is LayerFormat.FP8:
        packed, scale = _by_rows(weight, _FP8, _FP8_MOST, torch.float32)
        return Fp8Linear(shape, packed, bias, scale)
    # A scale in the type of the computation spares an operation; float16's is too short.
    exact = torch.float32 if dtype is torch.float16 else dtype
    packed, scale = _by_rows(weight, torch.int8, _INT8_MOST, exact)
    return Int8Linear(shape, packed, bias, scale)


def _by_rows(
    weight: torch.Tensor, into: torch.dtype, most: float, scale_dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """The packed numbers, and the scales as (rows, 1)."""
    packed = torch.empty(weight.shape, dtype=into, device=weight.device)
    scale = torch.empty(len(weight), 1, dtype=scale_dtype, device=weight.device)
    smallest = torch.finfo(torch.float32).tiny
    for rows in _chunks(weight):
        some = weight[rows].float()
        own = some.abs().amax(dim=1, keepdim=True).clamp(min=smallest) / most
        scale[rows] = own.to(scale_dtype)
        # By the scale as it is stored: its rounding is no error then.
        scaled = (some / scale[rows].float()).clamp_(-most, most)
        packed[rows] = (scaled if into.is_floating_point else scaled.round_()).to(into)
    return packed, scale


def _to_nf4(weight: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    library = _bitsandbytes()
    operations = torch.ops.bitsandbytes
    packed, absmax = [], []
    for rows in _chunks(weight):
        numbers, scales = operations.quantize_4bit.default(
            weight[rows].contiguous(), NF4_BLOCK, "nf4", torch.uint8
        )
        packed.append(numbers)
        absmax.append(scales)
    scales = torch.cat(absmax)
    offset = scales.mean()
    code = library.functional.create_dynamic_map().to(weight.device)
    numbers, nested = operations.quantize_blockwise.default(scales - offset, code, NF4_NESTED_BLOCK)
    scales = {"absmax": numbers, "nested_absmax": nested, "nested_code": code, "offset": offset}
    return torch.cat(packed), scales


def _chunks(weight: torch.Tensor) -> Iterator[slice]:
    """Slices of rows of about `CHUNK` numbers; a multiple of 64 rows, as NF4's blocks are."""
    step = max(NF4_BLOCK, CHUNK // weight.shape[1] // NF4_BLOCK * NF4_BLOCK)
    for first in range(0, len(weight), step):
        yield slice(first, first + step)


def from_bitsandbytes(layer: Any, dtype: torch.dtype) -> torch.nn.Linear:
    """A layer of this module from bitsandbytes' own `Linear4bit` or `Linear8bitLt`.

    Args:
        layer: that layer, with quantised weights.
        dtype: the type of the computation.
    """
    shape = (layer.out_features, layer.in_features)
    bias = None if layer.bias is None else layer.bias.detach().to(dtype)
    if hasattr(layer.weight, "quant_state"):
        return Nf4Linear(shape, layer.weight.data, bias, *nf4_scales(layer.weight.quant_state))
    scale = (layer.weight.SCB.float() / _INT8_MOST).reshape(-1, 1)
    return Int8Linear(shape, layer.weight.data, bias, scale)


def nf4_scales(state: Any) -> tuple[dict[str, torch.Tensor], str]:
    """The scales of bitsandbytes' `QuantState`, and the name of its table of numbers.

    Raises:
        ValueError: its blocks have another size than bitsandbytes' default.
    """
    if state.blocksize != NF4_BLOCK:
        raise ValueError(f"its blocks hold {state.blocksize} numbers, not {NF4_BLOCK}")
    scales = {"absmax": state.absmax}
    if state.nested:
        scales["nested_absmax"] = state.state2.absmax
        scales["nested_code"] = state.state2.code
        scales["offset"] = state.offset
    return scales, state.quant_type


def _bitsandbytes() -> Any:
    try:
        return importlib.import_module("bitsandbytes")
    except ImportError as error:
        raise MissingLibraryError(
            "it needs bitsandbytes: pip install 'bottega[quantization]'"
        ) from error


def require_bitsandbytes() -> None:
    """Import bitsandbytes, which defines torch's operations for NF4.

    Raises:
        MissingLibraryError: it is not installed.
    """
    _bitsandbytes()
