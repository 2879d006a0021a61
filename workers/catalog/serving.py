"""Serving modes: the precision of a model's weights, where they lie, and how it computes.

An operator asks (`ServingRequest`: in the catalogue file for a row, by environment, fleet file or
command line for a worker); the memory plan of a worker answers with a `ServingMode`.
"""

from dataclasses import dataclass, fields
from enum import StrEnum

AUTO = "auto"


class Precision(StrEnum):
    """The number format of a model's large weights.

    `STORED` is that of a checkpoint that is quantised already, GGUF included.
    """

    AUTO = "auto"
    STORED = "stored"
    BF16 = "bf16"
    FP16 = "fp16"
    FP8 = "fp8"
    INT8 = "int8"
    NF4 = "nf4"


class Offload(StrEnum):
    """The parts of a model that wait in the host's memory while others compute.

    `TEXT`: the text encoders. `BLOCKS`: the text encoders, and the transformer block by block.
    """

    AUTO = "auto"
    NONE = "none"
    TEXT = "text"
    BLOCKS = "blocks"


class Compile(StrEnum):
    """Compilation of the transformer's blocks; `AUTO`: where the kernels are kept already."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


@dataclass(frozen=True)
class ServingRequest:
    """An operator's request; each `auto` leaves the choice to the memory plan.

    Attributes:
        precision: the number format of the large weights.
        offload: what waits in the host's memory.
        attention: diffusers' name of the kernels of attention.
        compile: whether the transformer's blocks are compiled.
    """

    precision: Precision = Precision.AUTO
    offload: Offload = Offload.AUTO
    attention: str = AUTO
    compile: Compile = Compile.AUTO

    def overridden_by(self, other: "ServingRequest") -> "ServingRequest":
        """This request, with everything that the other one does not leave open."""
        values = {
            each.name: getattr(self, each.name)
            if getattr(other, each.name) == AUTO
            else getattr(other, each.name)
            for each in fields(self)
        }
        return ServingRequest(**values)


OPEN_REQUEST = ServingRequest()
"""A request that leaves everything to the memory plan."""


@dataclass(frozen=True)
class ServingMode:
    """The way in which a worker serves a model: a request without anything left open.

    Attributes:
        precision: never `AUTO`. A device without 16-bit arithmetic of that kind takes another.
        offload: never `AUTO`.
        attention: diffusers' name of the kernels of attention; "native" are torch's.
        compile: true when the transformer's blocks are compiled.
    """

    precision: Precision = Precision.BF16
    offload: Offload = Offload.NONE
    attention: str = "native"
    compile: bool = False


PLAIN = ServingMode()
"""The bare pipeline: 16 bits, all of it on the device."""
