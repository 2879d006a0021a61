"""The layers of a model that are quantised, in which format, and the bytes that they take then.

It needs no torch: the memory plan applies it to the names and shapes in a checkpoint's header, and
`workers.adapters.serving.quantization` to the layers themselves.

Published recipes agree on what they leave alone: embedders, norms, the last projection, the small
text encoder CLIP, the VAE, and T5's `wo`, whose activations are the largest of that model. They do
not agree on the modulation (AdaLN), which is 3.2 of FLUX.1's 11.9 billion weights: recipes in 8
bits keep it, and those in 4 bits do not. Here it is stored in 8 bits by row with every precision:
that costs about half a percent of its accuracy and spares FLUX.1 3.2 GB.
"""

import math
import re
from collections.abc import Sequence
from enum import StrEnum

from workers.catalog.serving import Precision

NF4_BLOCK = 64
"""Weights that share one scale in NF4."""

NF4_NESTED_BLOCK = 256
"""Scales that share one scale of their own in NF4: they are stored in 8 bits too."""

_BLOCKS = re.compile(r"(single_)?transformer_blocks\.\d+\.")
_MODULATION = re.compile(
    r"(single_)?transformer_blocks\.\d+\.norm\w*\.linear"
    r"|(double|single)_stream_modulation\w*\.linear"
)
_T5 = re.compile(
    r"(\w+\.)*block\.\d+\.layer\.\d+\.(SelfAttention\.[qkvo]|DenseReluDense\.wi(_\d)?)"
)
_DECODER = re.compile(r"(\w+\.)*layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)")

_LARGE = {
    "FluxTransformer2DModel": _BLOCKS,
    "Flux2Transformer2DModel": _BLOCKS,
    "T5EncoderModel": _T5,
    "Qwen3ForCausalLM": _DECODER,
    "Mistral3ForConditionalGeneration": _DECODER,
}
"""The names of the large linear layers, by the class of a pipeline's component."""


class LayerFormat(StrEnum):
    """The number format in which one layer's weights are stored.

    `KEPT`: that of the computation, 16 bits on a GPU.
    """

    KEPT = "kept"
    FP8 = "fp8"
    INT8 = "int8"
    NF4 = "nf4"


_BY_PRECISION = {
    Precision.FP8: LayerFormat.FP8,
    Precision.INT8: LayerFormat.INT8,
    Precision.NF4: LayerFormat.NF4,
}

QUANTIZING = frozenset(_BY_PRECISION)
"""The precisions for which a checkpoint in 16 bits is quantised."""


def layer_format(component_class: str, layer: str, precision: Precision) -> LayerFormat:
    """The format of one linear layer.

    Args:
        component_class: the class of the pipeline's component, such as "FluxTransformer2DModel".
        layer: the layer's name in it, such as "transformer_blocks.0.attn.to_q".
        precision: that of the model.
    """
    large = _LARGE.get(component_class)
    if large is None or precision not in _BY_PRECISION:
        return LayerFormat.KEPT
    if large is _BLOCKS and _MODULATION.fullmatch(layer):
        return LayerFormat.INT8
    return _BY_PRECISION[precision] if large.match(layer) else LayerFormat.KEPT


def is_quantizable(component_class: str) -> bool:
    """True for a component with layers that a precision below 16 bits changes."""
    return component_class in _LARGE


def stored_bytes(
    component_class: str,
    name: str,
    shape: Sequence[int],
    precision: Precision,
    *,
    kept_bytes: int = 2,
) -> int:
    """The bytes that one parameter takes, with its scales.

    Args:
        component_class: the class of the pipeline's component.
        name: the parameter's name, such as "transformer_blocks.0.attn.to_q.weight".
        shape: its shape in 16 bits, as a checkpoint's header tells it.
        precision: that of the model.
        kept_bytes: bytes of a number in the format of the computation.
    """
    layer, _, kind = name.rpartition(".")
    numbers = math.prod(shape)
    if kind != "weight" or len(shape) != 2:  # noqa: PLR2004 - a matrix
        return numbers * kept_bytes
    return format_bytes(
        layer_format(component_class, layer, precision), shape[0], numbers, kept_bytes
    )


def format_bytes(stored: LayerFormat, rows: int, numbers: int, kept_bytes: int = 2) -> int:
    """The bytes of a matrix in a format, with its scales.

    Args:
        stored: the format.
        rows: rows of the matrix, one for each output of the layer.
        numbers: all of its numbers.
        kept_bytes: bytes of a number in the format of the computation.
    """
    if stored is LayerFormat.KEPT:
        return numbers * kept_bytes
    if stored is LayerFormat.NF4:
        scales = -(-numbers // NF4_BLOCK)
        nested = -(-scales // NF4_NESTED_BLOCK)
        # Two numbers a byte, a byte for each scale, and float32 for theirs, their offset and table.
        return -(-numbers // 2) + scales + 4 * (nested + 1 + 256)
    return numbers + 4 * rows
