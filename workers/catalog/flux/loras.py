"""LoRAs, small changes of a model's weights: those a job asks for, and those a row is made with."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from workers.catalog.validation import StoredText
from workers.catalog.variant import Weights

MOST_LORAS = 3
STRONGEST = 2.0


class Lora(BaseModel):
    """One LoRA and how strongly it is applied."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    source: StoredText = Field(
        min_length=1,
        max_length=2000,
        description="A name that the operator gave, or an https URL of a safetensors file.",
        examples=["watercolour"],
    )
    scale: float = Field(
        default=1.0,
        ge=-STRONGEST,
        le=STRONGEST,
        description="How strongly it is applied; 0 not at all.",
        examples=[0.8],
    )


# Not strict: what comes as JSON is a list.
Loras = Annotated[tuple[Lora, ...], Field(strict=False)]


def loras_field() -> Any:
    """The parameter."""
    return Field(
        default=(),
        max_length=MOST_LORAS,
        description=f"Up to {MOST_LORAS} LoRAs for the transformer; what a file holds for text "
        "encoders is passed over.",
        examples=[[{"source": "watercolour", "scale": 0.8}]],
    )


@dataclass(frozen=True)
class RowLora:
    """A LoRA that makes a variant: its row's option `loras` names it, and every job has it.

    Attributes:
        weights: the hub repository and the pinned commit.
        file: the safetensors file in it.
        scale: how strongly it is applied.
    """

    weights: Weights
    file: str
    scale: float = 1.0
