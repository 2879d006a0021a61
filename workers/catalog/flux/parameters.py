"""Parameters of a FLUX job: prompt, size, sampling, and input pictures.

One base model names the fields and resolves sizes; `flux_parameters` derives a variant's own
model from it, with that variant's defaults, limits and pictures in the JSON Schema.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from workers.catalog.flux.inputs import FluxInputs, check_combination
from workers.catalog.flux.loras import Loras, loras_field
from workers.catalog.flux.sizes import RATIO, FluxLimits, resolve_ratio, size_of_edit
from workers.catalog.validation import InputModel, StoredText, refusal
from workers.catalog.variant import PictureSize

MAX_PROMPT = 5000
MAX_IMAGES = 4
MAX_SEED = 2**64 - 1
MAX_TRUE_GUIDANCE = 10.0
DISTILLED = "This model is distilled and takes no guidance: leave it out, or give 0."
SIZE_SOURCES = ("image", "control_image", "images")
"""The parameters whose picture gives the output its size; the first one present decides."""

MAX_SIDE_RATIO = 8
"""Highest ratio of the longer side to the shorter of an input picture."""
MIN_SOURCE_SIDE = 64
"""Shortest side of an input picture, pixels."""


def _usual_name(value: Any) -> Any:
    return "jpeg" if value == "jpg" else value


OutputFormat = Annotated[Literal["png", "jpeg", "webp"], BeforeValidator(_usual_name)]
"""The format of a file; "jpg", as many write it, is "jpeg"."""


class FluxParameters(InputModel):
    """The parsed input of any FLUX variant.

    `width` and `height` are resolved at once. Where the size is that of an input picture,
    `with_sizes` resolves them.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, str_strip_whitespace=True, allow_inf_nan=False
    )
    limits: ClassVar[FluxLimits]
    inputs: ClassVar[FluxInputs]

    prompt: StoredText
    width: int | None
    height: int | None
    aspect_ratio: str | None = None
    num_images: int
    steps: int
    guidance: float
    seed: int | None
    output_format: OutputFormat
    output_quality: int
    embed_metadata: bool
    previews: bool
    loras: Loras

    @property
    def size(self) -> PictureSize:
        """Width and height of one picture, pixels.

        Raises:
            ValueError: it depends on a picture, and `with_sizes` was not called.
        """
        if self.width is None or self.height is None:
            raise ValueError("the size depends on an input picture: call with_sizes first")
        return self.width, self.height

    @property
    def effective_strength(self) -> float:
        """The requested share to repaint, or the variant's default; 1 without a picture."""
        plain, masked = self.inputs.strengths
        default = masked if self.get("mask") else plain if self.get("image") else None
        requested: float | None = self.get("strength")
        return requested if requested is not None else default or 1.0

    @property
    def is_truly_guided(self) -> bool:
        """True when each step computes a second time, for the negative prompt."""
        return (self.get("true_guidance") or 1.0) > 1.0

    @property
    def run_steps(self) -> int:
        """The steps that run: as many as the share to repaint touches, at least one."""
        # Without the rest of a product that is a whole number, such as 50 * 0.14.
        return max(1, math.ceil(round(self.steps * self.effective_strength, 6)))

    @property
    def pixels(self) -> int:
        """Pixels of one picture."""
        return self.size[0] * self.size[1]

    def get(self, name: str) -> Any:
        """A parameter that not every variant has; None where this one lacks it."""
        return getattr(self, name, None)

    @model_validator(mode="before")
    @classmethod
    def _resolve_size(cls, data: Any) -> Any:
        """Fill in the size, except where it follows from an input picture."""
        if not isinstance(data, dict):
            return data
        automatic = {name: None for name in ("width", "height") if _is_zero(data.get(name))}
        data = resolve_ratio({**data, **automatic}, cls.limits)
        if any(data.get(name) for name in SIZE_SOURCES):
            return data
        absent = {name: cls.limits.side for name in ("width", "height") if data.get(name) is None}
        return {**data, **absent}

    @field_validator("width", "height")
    @classmethod
    def _round_down(cls, side: int | None) -> int | None:
        return None if side is None else side // cls.limits.step * cls.limits.step

    @field_validator("guidance", mode="before")
    @classmethod
    def _guidance_is_taken(cls, value: Any) -> Any:
        if cls.limits.guidance_range is None and isinstance(value, int | float) and value != 0:
            raise PydanticCustomError("guidance_not_taken", DISTILLED)
        return value

    @model_validator(mode="before")
    @classmethod
    def _weigh_negative_prompt(cls, data: Any) -> Any:
        """Fill in the weight of a negative prompt."""
        default = cls.limits.true_guidance
        if default is None or not isinstance(data, dict) or data.get("true_guidance") is not None:
            return data
        negative = data.get("negative_prompt")
        is_blank = not isinstance(negative, str) or not negative.strip()
        return data if is_blank else {**data, "true_guidance": default}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_combination(self.inputs, dict(self))
        if self.get("negative_prompt") and not self.is_truly_guided:
            message = "at 1 the negative prompt has no effect: give more than 1, or leave it out"
            weight = self.get("true_guidance")
            raise refusal("true_guidance", "negative_prompt_without_weight", message, weight)
        if self.width and self.height and self.pixels > self.limits.max_pixels:
            message = (
                f"{self.width} x {self.height} is {self.pixels} pixels; "
                f"this model paints at most {self.limits.max_pixels} (width times height)"
            )
            raise refusal("width", "too_many_pixels", message, self.width)
        return self

    def with_sizes(self, sizes: Mapping[str, Sequence[PictureSize]]) -> Self:
        """The same parameters with a size, from the sizes of the input pictures.

        Raises:
            pydantic.ValidationError: the pictures do not match each other, or the model.
        """
        for name, own in sizes.items():
            for n, size in enumerate(own):
                _check_source((name, n) if name == "images" else (name,), size)
        if "mask" in sizes and sizes["mask"] != sizes["image"]:
            (wide, high), (across, down) = sizes["mask"][0], sizes["image"][0]
            message = f"the mask is {wide} x {high} pixels, its image {across} x {down}"
            raise refusal("mask", "mask_of_another_size", message, self.get("mask"))
        shaping = next((sizes[name][0] for name in SIZE_SOURCES if sizes.get(name)), None)
        if shaping is None:
            return self
        limits = self._limits_of_edit()
        width, height = size_of_edit(shaping, self.width, self.height, limits)
        if width * height > limits.max_pixels:
            message = f"with a mask this model paints at most {limits.max_pixels} pixels"
            raise refusal("width", "too_many_pixels", message, self.width)
        return self.model_copy(update={"width": width, "height": height})

    def _limits_of_edit(self) -> FluxLimits:
        if self.get("mask") and self.inputs.max_masked_pixels:
            return replace(self.limits, max_pixels=self.inputs.max_masked_pixels)
        return self.limits


def _check_source(where: tuple[str | int, ...], size: PictureSize) -> None:
    if min(size) < MIN_SOURCE_SIDE or max(size) > MAX_SIDE_RATIO * min(size):
        message = (
            f"a picture of {size[0]} x {size[1]} cannot be painted from: sides are at least "
            f"{MIN_SOURCE_SIDE} pixels, and none is more than {MAX_SIDE_RATIO} times the other"
        )
        raise refusal(where, "picture_not_usable", message, None)


def flux_parameters(
    name: str, limits: FluxLimits, inputs: FluxInputs | None = None, *, prompt_needed: bool = True
) -> type[FluxParameters]:
    """The parameter model of a variant with these limits.

    Args:
        name: the class's name.
        limits: defaults and limits.
        inputs: the pictures that it accepts, none by default.
        prompt_needed: true when the prompt is required.
    """
    model = create_model(
        name,
        __base__=FluxParameters,
        __module__=__name__,
        prompt=(StoredText, _prompt(needed=prompt_needed)),
        width=(int | None, _side("Width", limits)),
        height=(int | None, _side("Height", limits)),
        aspect_ratio=(str | None, _aspect_ratio(limits)),
        num_images=(int, _num_images()),
        steps=(int, _steps(limits)),
        guidance=(float, _guidance(limits)),
        seed=(int | None, _seed()),
        output_format=(OutputFormat, _output_format()),
        output_quality=(int, _output_quality()),
        embed_metadata=(bool, _embed_metadata()),
        previews=(bool, _previews()),
        loras=(Loras, loras_field()),
        **_negative_prompt(limits),
        **(inputs or FluxInputs()).fields(),
    )
    model.limits = limits
    model.inputs = inputs or FluxInputs()
    model.__doc__ = "What to paint, how large and how."
    return model


def _prompt(*, needed: bool) -> Any:
    means = "What to paint, as text alone: the model obeys no control token in it. Beyond "
    means += (
        "max_prompt_tokens of the model's limits it is cut, and output.warnings has prompt_cut."
    )
    example = ["a red circle on a blue background"]
    if needed:
        return Field(min_length=1, max_length=MAX_PROMPT, description=means, examples=example)
    return Field(default="", max_length=MAX_PROMPT, description=means, examples=example)


def _is_zero(value: Any) -> bool:
    return type(value) is int and value == 0


def _with_zero(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [*schema["anyOf"], {"const": 0}]


def _side(which: str, limits: FluxLimits) -> Any:
    edits = "the nearest size that the model prefers" if limits.preferred_sizes else "its size"
    return Field(
        default=None,
        ge=limits.min_side,
        le=limits.max_side,
        description=f"{which} of each picture in pixels, rounded down to a multiple of "
        f"{limits.step}: that size is painted, priced and reported. "
        f"Width times height is at most {limits.max_pixels}. Absent or 0: {limits.side}; where a "
        f"picture is painted from another, {edits}.",
        examples=[limits.side],
        json_schema_extra=_with_zero,
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


def _negative_prompt(limits: FluxLimits) -> dict[str, Any]:
    """The fields of true classifier-free guidance, where a variant's pipeline has it."""
    default = limits.true_guidance
    if default is None:
        return {}
    prompt = Field(
        default="",
        max_length=MAX_PROMPT,
        description="What not to paint: each step is computed a second time for it, and leads "
        "away. Cut as the prompt is; then output.warnings has negative_prompt_cut.",
        examples=["text, frame"],
    )
    weight = Field(
        default=None,
        ge=1,
        le=MAX_TRUE_GUIDANCE,
        description="How far to lead away from negative_prompt, or without one from the empty "
        f"prompt; at 1 not at all. Absent: {default:g} with a negative prompt, else 1.",
        examples=[default],
    )
    return {"negative_prompt": (StoredText, prompt), "true_guidance": (float | None, weight)}


def _seed() -> Any:
    return Field(
        default=None,
        ge=0,
        le=MAX_SEED,
        description="The same seed and parameters paint the same picture; each of the 2⁶⁴ seeds "
        "paints another one. Absent: one is drawn, and reported with the picture.",
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


def _embed_metadata() -> Any:
    return Field(
        default=True,
        description="Whether the file holds metadata: model, prompt, seed and other parameters.",
        examples=[True],
    )


def _previews() -> Any:
    return Field(
        default=False,
        description="Whether the job's events hold previews after each step: small pictures, side "
        "by side. There are none where a content filter of the operator judges the pictures.",
        examples=[False],
    )
