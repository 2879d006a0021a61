"""Linear layers whose weights are in a GGUF file's own format.

diffusers reads such a file into a subclass of tensor, which loses its meaning when it is moved.
Here the bytes are a plain tensor, and the format is known to the layer.
"""

import importlib
from typing import Any

import torch

from workers.adapters.serving.quantization import QuantizedLinear


class GgufLinear(QuantizedLinear):
    """The bytes of a GGUF file's blocks; diffusers' functions unpack them."""

    def __init__(
        self,
        shape: tuple[int, int],
        packed: torch.Tensor,
        bias: torch.Tensor | None,
        block: tuple[Any, int, int],
    ) -> None:
        """Hold the weights.

        Args:
            shape: outputs and inputs.
            packed: the bytes of the blocks.
            bias: of shape (outputs,).
            block: the function that unpacks blocks, the numbers in one, and its bytes.
        """
        super().__init__(shape, packed, bias)
        self._unpack, self._numbers, self._bytes = block

    def dequantized(self, dtype: torch.dtype) -> torch.Tensor:
        """The unpacked blocks."""
        blocks = self.weight.view(torch.uint8).reshape(-1, self._bytes)
        unpacked: torch.Tensor = self._unpack(blocks, self._numbers, self._bytes)
        return unpacked.reshape(self.out_features, self.in_features).to(dtype)


def replace_gguf_layers(model: Any) -> Any:
    """Put these layers in the place of diffusers', and unpack whatever is no linear layer.

    Args:
        model: diffusers' model, read from a GGUF file.
    """
    # Imported here: the module needs gguf.
    library = importlib.import_module("diffusers.quantizers.gguf.utils")
    for name in [name for name, each in model.named_modules() if type(each) is library.GGUFLinear]:
        parent, _, child = name.rpartition(".")
        layer = _replacement(model.get_submodule(name), library)
        setattr(model.get_submodule(parent), child, layer)
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if isinstance(parameter, library.GGUFParameter):
                plain = library.dequantize_gguf_tensor(parameter).to(model.dtype)
                setattr(module, name, torch.nn.Parameter(plain, requires_grad=False))
    return model


def _replacement(layer: Any, library: Any) -> torch.nn.Linear:
    bias = None if layer.bias is None else layer.bias.detach().to(layer.compute_dtype)
    kind = getattr(layer.weight, "quant_type", None)
    if kind is None:
        plain = torch.nn.Linear(layer.in_features, layer.out_features, bias=False, device="meta")
        weight = layer.weight.detach().to(layer.compute_dtype)
        plain.weight = torch.nn.Parameter(weight, requires_grad=False)
        if bias is not None:
            plain.bias = torch.nn.Parameter(bias, requires_grad=False)
        return plain
    block = (library.dequantize_functions[kind], *library.GGML_QUANT_SIZES[kind])
    shape = (layer.out_features, layer.in_features)
    return GgufLinear(shape, layer.weight.as_tensor().detach(), bias, block)
