"""Parameters of the hosted FLUX variants: one picture a job, the vendor's defaults and limits.

Fields have Bottega's names; `workers.adapters.hosted.request` translates them to the vendor's.
"""

from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from db.values.pricing import PIXELS_PER_MEGAPIXEL
from workers.catalog.flux.inputs import EXAMPLE_PICTURE, References
from workers.catalog.flux.parameters import MAX_PROMPT, MAX_SEED, OutputFormat
from workers.catalog.flux.sizes import RATIO, SIDE_STEP, size_for_ratio
from workers.catalog.validation import InputModel, StoredText, refusal
from workers.catalog.variant import Picture

FLUX2_SIDE = 1024
FLUX2_MIN_SIDE = 64
FLUX2_MAX_PIXELS = 4 * PIXELS_PER_MEGAPIXEL
ULTRA_STRENGTH = 0.1
"""The vendor's default share of a picture that is blended in."""
WIDEST = 21 / 9
"""Highest ratio of width to height; its inverse is the lowest."""

_PIXELS = Field(
    default=None,
    ge=FLUX2_MIN_SIDE,
    multiple_of=SIDE_STEP,
    description=f"Pixels, a multiple of {SIDE_STEP}; width times height is at most "
    f"{FLUX2_MAX_PIXELS}. Without either, a picture made from references has the first one's "
    f"size; in all other cases an absent side is {FLUX2_SIDE}.",
    examples=[FLUX2_SIDE],
)
_PRO_SIDE: dict[str, Any] = {
    "ge": 256,
    "le": 1440,
    "multiple_of": 32,
    "description": "Pixels, a multiple of 32.",
}
_RATIO: dict[str, Any] = {"pattern": f"^{RATIO.pattern}$", "examples": ["16:9"]}
_UPSAMPLING = "Whether the vendor may rewrite the prompt in more words."
_TOLERANCE = "The vendor's own moderation: from 0, the strictest, to the most permissive."


class HostedParameters(InputModel):
    """The parameters that all hosted variants share."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, str_strip_whitespace=True, allow_inf_nan=False
    )

    prompt: StoredText = Field(
        min_length=1,
        max_length=MAX_PROMPT,
        description="What to paint, or what to change.",
        examples=["a red circle on a blue background"],
    )
    seed: int | None = Field(
        default=None,
        ge=0,
        le=MAX_SEED,
        description="The same seed and parameters paint about the same picture. Absent: one is "
        "drawn, and reported with the picture.",
        examples=[7],
    )
    safety_tolerance: int = Field(default=2, ge=0, le=6, description=_TOLERANCE, examples=[2])
    output_format: OutputFormat = Field(
        default="jpeg", description="File format of the stored picture.", examples=["jpeg"]
    )
    output_quality: int = Field(
        default=95,
        ge=1,
        le=100,
        description="Quality of jpeg and webp files; png is lossless and has none.",
        examples=[95],
    )


class Flux2HostedParameters(HostedParameters):
    """FLUX.2 [pro] and [max]: text to image, and editing with up to eight references."""

    images: References = Field(
        default=(),
        max_length=8,
        description="Pictures to paint from or to edit, in the order in which the prompt names "
        "them.",
        examples=[[EXAMPLE_PICTURE]],
    )
    width: int | None = _PIXELS
    height: int | None = _PIXELS
    aspect_ratio: str | None = Field(
        default=None,
        **_RATIO,
        description="Width to height, in place of both: the size then has about "
        f"{FLUX2_SIDE} x {FLUX2_SIDE} pixels.",
    )
    safety_tolerance: int = Field(default=2, ge=0, le=5, description=_TOLERANCE, examples=[2])

    def output_pixels(self, inputs: tuple[int, ...]) -> int:
        """Pixels of the picture, for its price.

        Args:
            inputs: pixels of each reference.
        """
        if self.width and self.height:
            return self.width * self.height
        return min(inputs[0], FLUX2_MAX_PIXELS)

    @model_validator(mode="before")
    @classmethod
    def _resolve_size(cls, data: Any) -> Any:
        """Fill in the size, except where it is that of a reference, which only the vendor knows.

        An `aspect_ratio` is replaced by its size, so that a dumped model parses again.
        """
        if not isinstance(data, dict):
            return data
        width, height, ratio = (data.get(name) for name in ("width", "height", "aspect_ratio"))
        sized = (width, height) != (None, None)
        if not isinstance(ratio, str) or not RATIO.fullmatch(ratio):
            as_reference = bool(data.get("images")) and not sized
            return data if as_reference else {**data, **_whole_size(width, height)}
        if sized:
            message = "give either aspect_ratio or width and height, not both"
            raise refusal("aspect_ratio", "size_given_twice", message, ratio)
        width, height = size_for_ratio(ratio, FLUX2_SIDE**2)
        return {**data, "aspect_ratio": None, "width": width, "height": height}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.width and self.height and self.width * self.height > FLUX2_MAX_PIXELS:
            message = (
                f"{self.width} x {self.height} is {self.width * self.height} pixels; "
                f"this model paints at most {FLUX2_MAX_PIXELS} (width times height)"
            )
            raise refusal("width", "too_many_pixels", message, self.width)
        return self


def _whole_size(width: Any, height: Any) -> dict[str, Any]:
    return {
        "width": FLUX2_SIDE if width is None else width,
        "height": FLUX2_SIDE if height is None else height,
    }


class Flux2FlexHostedParameters(Flux2HostedParameters):
    """FLUX.2 [flex]: the same, with steps and guidance."""

    prompt_upsampling: bool = Field(default=True, description=_UPSAMPLING, examples=[True])
    steps: int = Field(
        default=50,
        ge=1,
        le=50,
        description="Denoising steps: more take longer and, up to a point, look better.",
        examples=[50],
    )
    guidance: float = Field(
        default=5.0, ge=1.5, le=10, description="How closely to follow the prompt.", examples=[5.0]
    )


class Flux11ProHostedParameters(HostedParameters):
    """FLUX1.1 [pro]: text to image, guided by a picture if there is one."""

    image: Picture | None = Field(
        default=None,
        description="A picture to take composition and style from.",
        examples=[EXAMPLE_PICTURE],
    )
    width: int = Field(default=1024, **_PRO_SIDE, examples=[1024])
    height: int = Field(default=768, **_PRO_SIDE, examples=[768])
    prompt_upsampling: bool = Field(default=False, description=_UPSAMPLING, examples=[False])


class Flux1ProHostedParameters(Flux11ProHostedParameters):
    """FLUX.1 [pro]: the same, with steps, guidance and interval."""

    steps: int = Field(
        default=40,
        ge=1,
        le=50,
        description="Denoising steps: more take longer and, up to a point, look better.",
        examples=[40],
    )
    guidance: float = Field(
        default=2.5, ge=1.5, le=5, description="How closely to follow the prompt.", examples=[2.5]
    )
    interval: int = Field(
        default=2,
        ge=1,
        le=4,
        description="In how many steps guidance is applied once.",
        examples=[2],
    )


class _RatioParameters(HostedParameters):
    """The parameters of variants that take an aspect ratio and no size."""

    aspect_ratio: str | None = None

    @field_validator("aspect_ratio")
    @classmethod
    def _not_too_long(cls, ratio: str | None) -> str | None:
        across, down = map(int, (ratio or "1:1").split(":"))
        if not 1 / WIDEST <= across / down <= WIDEST:
            raise PydanticCustomError("aspect_ratio_out_of_range", "must be from 21:9 to 9:21")
        return ratio


class Flux11UltraHostedParameters(_RatioParameters):
    """FLUX1.1 [pro] ultra: four megapixels in a given aspect ratio."""

    aspect_ratio: str | None = Field(
        default="16:9", **_RATIO, description="Width to height, from 21:9 to 9:21."
    )
    raw: bool = Field(
        default=False, description="A less processed, more natural look.", examples=[False]
    )
    image: Picture | None = Field(
        default=None, description="A picture to blend in.", examples=[EXAMPLE_PICTURE]
    )
    strength: float = Field(
        default=ULTRA_STRENGTH,
        ge=0,
        le=1,
        description="How much of the picture to blend in, from 0 to 1.",
        examples=[ULTRA_STRENGTH],
    )

    @model_validator(mode="after")
    def _blends_a_picture(self) -> Self:
        if self.strength != ULTRA_STRENGTH and not self.image:
            message = "strength says how much of a picture is blended in: give image with it"
            raise refusal("strength", "strength_without_image", message, self.strength)
        return self


class KontextHostedParameters(_RatioParameters):
    """FLUX.1 Kontext [pro] and [max]: editing of up to four pictures, and text to image."""

    images: References = Field(
        default=(),
        max_length=4,
        description="Pictures to edit, in the order in which the prompt names them.",
        examples=[[EXAMPLE_PICTURE]],
    )
    aspect_ratio: str | None = Field(
        default=None,
        **_RATIO,
        description="Width to height, from 21:9 to 9:21; absent, that of the first picture.",
    )
    output_format: Literal["png", "jpeg", "webp"] = Field(
        default="png", description="File format of the stored picture.", examples=["png"]
    )
