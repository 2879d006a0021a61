"""LoRAs, small changes of a model's weights: those that a job requests, and those of a row."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from workers.catalog.validation import InputModel, StoredText
from workers.catalog.variant import Weights

MAX_LORAS = 3
MAX_LORA_SCALE = 2.0


class Lora(InputModel):
    """A LoRA and the strength with which it is applied."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    source: StoredText = Field(
        min_length=1,
        max_length=2000,
        description="A name that the operator gave, or an https URL of a safetensors file.",
        examples=["watercolour"],
    )
    scale: float = Field(
        default=1.0,
        ge=-MAX_LORA_SCALE,
        le=MAX_LORA_SCALE,
        description="How strongly it is applied; 0 not at all.",
        examples=[0.8],
    )


# Not strict: JSON has lists, no tuples.
Loras = Annotated[tuple[Lora, ...], Field(strict=False)]


def loras_field() -> Any:
    """The parameter `loras`."""
    return Field(
        default=(),
        max_length=MAX_LORAS,
        description=f"Up to {MAX_LORAS} LoRAs for the transformer; what a file holds for text "
        "encoders is passed over.",
        examples=[[{"source": "watercolour", "scale": 0.8}]],
    )


@dataclass(frozen=True)
class RowLora:
    """A LoRA that is part of a variant: its row's option `loras` names it, every job uses it.

    Attributes:
        weights: the hub repository and the pinned commit, or a local folder.
        file: the safetensors file in it.
        scale: the strength with which it is applied.
    """

    weights: Weights
    file: str
    scale: float = 1.0
