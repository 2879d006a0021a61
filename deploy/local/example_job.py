"""A job that a model accepts, for the greeting of a stack that serves it."""

import base64
import io
from typing import Any, cast

from PIL import Image

from workers.catalog.flux.inputs import Presence
from workers.catalog.flux.parameters import FluxParameters
from workers.catalog.variant import Family, Variant, picture_fields

_PROMPT = "a red circle on a blue background"
_SIDE = 64


def example_job(variant: Variant) -> dict[str, Any]:
    """The JSON of a job: a prompt where the model paints, a small picture where it needs one."""
    if variant.family is Family.FLORENCE2:
        return {"model": variant.id, "input": {"image": _picture(), "task": "<CAPTION>"}}
    pictures = {name: _picture(mask=name == "mask") for name in _needed_pictures(variant)}
    return {"model": variant.id, "input": {"prompt": _PROMPT, **pictures}}


def _needed_pictures(variant: Variant) -> list[str]:
    model = variant.parameters
    needed = [name for name in picture_fields(model) if model.model_fields[name].is_required()]
    if needed or variant.is_hosted:
        return needed
    inputs = cast("type[FluxParameters]", model).inputs
    return ["image"] if inputs.image is Presence.REQUIRED else []


def _picture(*, mask: bool = False) -> str:
    """A small picture as a data URI, of half white and half blue, or black for a mask."""
    picture = Image.new("RGB", (_SIDE, _SIDE), "black" if mask else "blue")
    picture.paste("white", (0, 0, _SIDE // 2, _SIDE))
    data = io.BytesIO()
    picture.save(data, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"
