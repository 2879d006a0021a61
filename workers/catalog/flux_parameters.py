"""What a FLUX variant takes: text to image.

One base model names the fields and resolves sizes; `flux_parameters` derives a variant's own
model from it, with that variant's defaults and limits in the JSON Schema.
"""

import math
import re
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, create_model, field_validator, model_validator
from pydantic_core import PydanticCustomError

from workers.catalog.refusal import StoredText, refusal

SIDE_STEP = 16
"""Sides are multiples of this: the VAE shrinks by 8 and the transformer takes 2 x 2 patches."""

MAX_PROMPT = 5000
MAX_IMAGES = 4
MAX_SEED = 2**64 - 1
DISTILLED = "This model is distilled and takes no guidance: leave it out, or give 0."
OutputFormat = Literal["png", "jpeg", "webp"]
RATIO = re.compile(r"([1-9][0-9]?):([1-9][0-9]?)")


@dataclass(frozen=True)
class FluxLimits:
    """Defaults and limits of one FLUX variant.

    Attributes:
        side: default width and height, pixels; an aspect ratio keeps about its square's area.
        min_side: shortest side, pixels.
        max_side: longest side, pixels.
        max_pixels: most pixels of one picture.
        steps: default number of denoising steps.
        max_steps: most steps.
        guidance: default guidance scale.
        guidance_range: lowest and highest guidance, or None for a variant distilled without it.
            Such a variant accepts 0 alone: a setting that would change nothing is refused
            rather than ignored.
    """

    side: int
    min_side: int
    max_side: int
    max_pixels: int
    steps: int
    max_steps: int
    guidance: float = 0.0
    guidance_range: tuple[float, float] | None = None


class FluxParameters(BaseModel):
    """The parsed input of any FLUX variant; `width` and `height` are always resolved."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, str_strip_whitespace=True, allow_inf_nan=False
    )
    limits: ClassVar[FluxLimits]

    prompt: StoredText
    width: int
    height: int
    aspect_ratio: str | None = None
    num_images: int
    steps: int
    guidance: float
    seed: int | None
    output_format: OutputFormat
    output_quality: int

    @property
    def pixels(self) -> int:
        """Pixels of one picture."""
        return self.width * self.height

    @model_validator(mode="before")
    @classmethod
    def _resolve_ratio(cls, data: Any) -> Any:
        """Replace `aspect_ratio` by the size it means, so that a dumped model parses again."""
        ratio = data.get("aspect_ratio") if isinstance(data, dict) else None
        if not isinstance(ratio, str) or not RATIO.fullmatch(ratio):
            return data
        if data.get("width") is not None or data.get("height") is not None:
            message = "give either aspect_ratio or width and height, not both"
            raise refusal("aspect_ratio", "size_given_twice", message, ratio)
        width, height = cls._size_of(ratio)
        return {**data, "aspect_ratio": None, "width": width, "height": height}

    @classmethod
    def _size_of(cls, ratio: str) -> tuple[int, int]:
        size = size_for_ratio(ratio, cls.limits.side**2)
        if not all(cls.limits.min_side <= side <= cls.limits.max_side for side in size):
            message = (
                f"at this model's default area {ratio} would be {size[0]} x {size[1]} pixels; "
                f"sides go from {cls.limits.min_side} to {cls.limits.max_side}"
            )
            raise refusal("aspect_ratio", "aspect_ratio_out_of_range", message, ratio)
        return size

    @field_validator("guidance", mode="before")
    @classmethod
    def _guidance_is_taken(cls, value: Any) -> Any:
        if cls.limits.guidance_range is None and isinstance(value, int | float) and value != 0:
            raise PydanticCustomError("guidance_not_taken", DISTILLED)
        return value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.pixels > self.limits.max_pixels:
            message = (
                f"{self.width} x {self.height} is {self.pixels} pixels; "
                f"this model paints at most {self.limits.max_pixels} (width times height)"
            )
            raise refusal("width", "too_many_pixels", message, self.width)
        return self


def size_for_ratio(ratio: str, pixels: int) -> tuple[int, int]:
    """The size of about `pixels` pixels with a ratio like "16:9", sides multiples of 16.

    `width = sqrt(pixels * a / b)`, `height = sqrt(pixels * b / a)`, each rounded to the nearest
    multiple: 16:9 at 1024 x 1024 is 1365.3 x 768, so (1360, 768).
    """
    across, down = map(int, ratio.split(":"))
    return (
        SIDE_STEP * round(math.sqrt(pixels * across / down) / SIDE_STEP),
        SIDE_STEP * round(math.sqrt(pixels * down / across) / SIDE_STEP),
    )


def flux_parameters(name: str, limits: FluxLimits) -> type[FluxParameters]:
    """The parameter model of a variant with these limits; `name` is the class's name."""
    model = create_model(
        name,
        __base__=FluxParameters,
        __module__=__name__,
        prompt=(StoredText, _prompt()),
        width=(int, _side("Width", limits)),
        height=(int, _side("Height", limits)),
        aspect_ratio=(str | None, _aspect_ratio(limits)),
        num_images=(int, _num_images()),
        steps=(int, _steps(limits)),
        guidance=(float, _guidance(limits)),
        seed=(int | None, _seed()),
        output_format=(OutputFormat, _output_format()),
        output_quality=(int, _output_quality()),
    )
    model.limits = limits
    model.__doc__ = "Text to image: what to paint, how large and how."
    return model


def _prompt() -> Any:
    return Field(
        min_length=1,
        max_length=MAX_PROMPT,
        description="What to paint. Text beyond what the model's text encoder reads is cut off.",
        examples=["a red circle on a blue background"],
    )


def _side(which: str, limits: FluxLimits) -> Any:
    return Field(
        default=limits.side,
        ge=limits.min_side,
        le=limits.max_side,
        multiple_of=SIDE_STEP,
        description=f"{which} of each picture in pixels, a multiple of {SIDE_STEP}. "
        f"Width times height is at most {limits.max_pixels}.",
        examples=[limits.side],
    )


def _aspect_ratio(limits: FluxLimits) -> Any:
    return Field(
        default=None,
        pattern=f"^{RATIO.pattern}$",
        description="Width to height, in place of both: the size then has about "
        f"{limits.side} x {limits.side} pixels.",
        examples=["16:9"],
    )


def _num_images() -> Any:
    return Field(
        default=1,
        ge=1,
        le=MAX_IMAGES,
        description="How many pictures. Picture i is painted from seed + i.",
        examples=[1],
    )


def _steps(limits: FluxLimits) -> Any:
    return Field(
        default=limits.steps,
        ge=1,
        le=limits.max_steps,
        description="Denoising steps: more take longer and, up to a point, look better.",
        examples=[limits.steps],
    )


def _guidance(limits: FluxLimits) -> Any:
    low, high = limits.guidance_range or (0.0, 0.0)
    takes = "How closely to follow the prompt."
    return Field(
        default=limits.guidance,
        ge=low,
        le=high,
        description=takes if limits.guidance_range else DISTILLED,
        examples=[limits.guidance],
    )


def _seed() -> Any:
    return Field(
        default=None,
        ge=0,
        le=MAX_SEED,
        description="The same seed and parameters paint the same picture. Absent: one is drawn, "
        "and reported with the picture.",
        examples=[7],
    )


def _output_format() -> Any:
    return Field(default="png", description="File format of the stored pictures.", examples=["png"])


def _output_quality() -> Any:
    return Field(
        default=95,
        ge=1,
        le=100,
        description="Quality of jpeg and webp files; png is lossless and has none.",
        examples=[95],
    )
