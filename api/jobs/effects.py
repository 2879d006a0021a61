"""Parameters without effect, though they are valid: told in the job's warnings.

A parameter that can never have an effect beside the others is refused by the model's own rules
(`workers.catalog`). Here are those that clients send by default, and those whose effect depends on
the pictures.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from api.jobs.adjustments import IGNORED
from db.jobs.types import RequestWarning
from workers.catalog import PictureSize
from workers.catalog.flux.fit import CROP, changes_shape
from workers.catalog.flux.parameters import FluxParameters

NO_EFFECT = "no_effect"
"""The code of a warning about a picture of which the model learns nothing."""

CROPPED = "picture_cropped"
"""The code of a warning about a picture whose edges are cut off, which nobody asked for."""

Sizes = Mapping[str, Sequence[PictureSize]]
"""The sizes of the pictures, by the parameter that names them."""


def without_effect(
    asked: Mapping[str, Any], parameters: BaseModel, sizes: Sizes
) -> Iterator[RequestWarning]:
    """The warnings about parameters, see `api.jobs.adjustments.in_words_of`.

    Args:
        asked: the input as it was sent.
        parameters: the parsed input.
        sizes: the sizes of the input pictures, by the parameter that names them.
    """
    yield from _quality(parameters)
    if isinstance(parameters, FluxParameters):
        yield from _strength(parameters)
        yield from _negative_prompt(parameters)
        yield from _loras(parameters)
        if "fit" not in asked:
            yield from _cropped(parameters, sizes)


def _quality(parameters: BaseModel) -> Iterator[RequestWarning]:
    field = type(parameters).model_fields.get("output_quality")
    if field is None or getattr(parameters, "output_format", None) != "png":
        return
    # Its default is no request.
    if getattr(parameters, "output_quality", field.default) != field.default:
        yield RequestWarning(IGNORED, "output_quality", "png is lossless")


def _strength(parameters: FluxParameters) -> Iterator[RequestWarning]:
    has_plain = parameters.get("image") and not parameters.get("mask")
    if has_plain and parameters.get("strength") == 1:
        message = "at strength 1 all of it is repainted: only its size counts"
        yield RequestWarning(NO_EFFECT, "image", message)


def _negative_prompt(parameters: FluxParameters) -> Iterator[RequestWarning]:
    negative = parameters.get("negative_prompt")
    if negative and negative == parameters.prompt:
        # Guided away from itself, a prompt stays as it is.
        yield RequestWarning(NO_EFFECT, "negative_prompt", "it equals the prompt")


def _loras(parameters: FluxParameters) -> Iterator[RequestWarning]:
    if any(lora.scale == 0 for lora in parameters.loras):
        yield RequestWarning(IGNORED, "loras", "one with scale 0 is not applied")


def _cropped(parameters: FluxParameters, sizes: Sizes) -> Iterator[RequestWarning]:
    if parameters.get("fit") != CROP or not _is_fitted(parameters):
        return
    for name in ("image", "control_image"):
        for size in sizes.get(name, ()):
            if changes_shape(size, parameters.size, parameters.limits.step):
                yield RequestWarning(CROPPED, name, _message_of_crop(size, parameters.size))


def _is_fitted(parameters: FluxParameters) -> bool:
    plain, masked = parameters.inputs.fits
    return masked if parameters.get("mask") else plain


def _message_of_crop(picture: PictureSize, output: PictureSize) -> str:
    shown, painted = (f"{width} x {height}" for width, height in (picture, output))
    return f"its {shown} pixels are cropped to the shape of {painted}"
