"""One component of a model, by the numbers that its layers hold, and the bytes that these take."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from workers.adapters.serving.layers import LayerFormat, format_bytes, layer_format
from workers.catalog.serving import Precision

_MATRIX = 2
_BY_PRECISION = {
    Precision.FP8: LayerFormat.FP8,
    Precision.INT8: LayerFormat.INT8,
    Precision.NF4: LayerFormat.NF4,
}


class Role(StrEnum):
    """The part that a component has in a model, which decides where it may wait.

    `TEXT`: a text encoder, needed once for each new prompt. `TRANSFORMER`: needed in each step.
    `OTHER`: VAE, maps and what else is small; it stays on the device.
    """

    TEXT = "text"
    TRANSFORMER = "transformer"
    OTHER = "other"


@dataclass(frozen=True)
class Component:
    """The size of one component.

    Attributes:
        component_class: its class, such as "FluxTransformer2DModel".
        role: its part in the model.
        kept: numbers that every precision keeps in the format of the computation.
        large: numbers of the layers that a precision below 16 bits quantises.
        large_rows: rows of these layers, each with a scale in 8 bits.
        modulation: numbers of the layers that each such precision stores in 8 bits.
        modulation_rows: rows of these.
        block: numbers of the largest repeated block, of the layers in it that are quantised.
        largest: numbers of the largest single parameter.
        width: of a transformer its width, of a VAE the channels of its first stage; 0 for others.
        stored_bytes: its bytes as the checkpoint holds it, where that is quantised already.
        kept_bytes: bytes of each number that is kept, where the computation's format has another
            size; None for the model's own.
    """

    component_class: str
    role: Role
    kept: int
    large: int = 0
    large_rows: int = 0
    modulation: int = 0
    modulation_rows: int = 0
    block: int = 0
    largest: int = 0
    width: int = 0
    stored_bytes: int | None = None
    kept_bytes: int | None = None

    @property
    def parameters(self) -> int:
        """All of its numbers."""
        return self.kept + self.large + self.modulation

    def bytes_in(self, precision: Precision, kept_bytes: int) -> int:
        """The bytes of its weights.

        Args:
            precision: that of the model.
            kept_bytes: bytes of a number in the format of the computation.
        """
        if self.stored_bytes is not None:
            return self.stored_bytes
        number = self.kept_bytes or kept_bytes
        large = _BY_PRECISION.get(precision)
        if large is None:
            return self.parameters * number
        return (
            self.kept * number
            + format_bytes(large, self.large_rows, self.large)
            + format_bytes(LayerFormat.INT8, self.modulation_rows, self.modulation)
        )

    def block_bytes(self, precision: Precision, kept_bytes: int) -> int:
        """The bytes of its largest repeated block; 0 where it has none."""
        if self.stored_bytes is not None:
            return self.block * self.stored_bytes // max(1, self.parameters)
        large = _BY_PRECISION.get(precision)
        return self.block * kept_bytes if large is None else format_bytes(large, 0, self.block)

    def streamed_bytes(self, precision: Precision, kept_bytes: int) -> int:
        """The bytes of its repeated blocks, which can wait in the host's memory."""
        if self.stored_bytes is not None:
            return self.stored_bytes
        kept = self.kept * (self.kept_bytes or kept_bytes)
        return self.bytes_in(precision, kept_bytes) - kept


def count(
    component_class: str, role: Role, tensors: Iterable[tuple[str, Sequence[int]]], width: int = 0
) -> Component:
    """The size of a component whose parameters have these names and shapes.

    Args:
        component_class: its class.
        role: its part in the model.
        tensors: name and shape of each parameter, as in 16 bits.
        width: see `Component`.
    """
    numbers = {form: [0, 0] for form in LayerFormat}
    blocks: dict[str, int] = {}
    largest = 0
    for name, shape in tensors:
        layer, _, kind = name.rpartition(".")
        size, form = math.prod(shape), LayerFormat.KEPT
        if kind == "weight" and len(shape) == _MATRIX:
            form = layer_format(component_class, layer, Precision.NF4)
        numbers[form][0] += size
        numbers[form][1] += shape[0] if shape else 0
        largest = max(largest, size)
        if form is not LayerFormat.KEPT:
            block = _block(layer)
            blocks[block] = blocks.get(block, 0) + size
    return Component(
        component_class,
        role,
        kept=numbers[LayerFormat.KEPT][0],
        large=numbers[LayerFormat.NF4][0],
        large_rows=numbers[LayerFormat.NF4][1],
        modulation=numbers[LayerFormat.INT8][0],
        modulation_rows=numbers[LayerFormat.INT8][1],
        block=max(blocks.values(), default=0),
        largest=largest,
        width=width,
    )


def _block(layer: str) -> str:
    """The part of a layer's name up to its first number: its repeated block."""
    parts = layer.split(".")
    number = next((n for n, part in enumerate(parts) if part.isdigit()), 0)
    return ".".join(parts[: number + 1])
