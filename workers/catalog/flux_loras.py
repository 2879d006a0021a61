"""LoRAs that a job asks for: small changes of a model's weights, by name or by URL."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from workers.catalog.refusal import StoredText

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
