"""The fields of the vendor's endpoints as the native input of a variant."""

from collections.abc import Mapping
from typing import Any

from api.compat.shared.fields import present
from api.compat.shared.names import BFL
from api.compat.shared.pictures import as_native
from api.compat.shared.translation import Translation
from workers.catalog import Variant

Fields = Mapping[str, Any]

MAX_REFERENCES = 10
REFERENCES = ("input_image", *(f"input_image_{n}" for n in range(2, MAX_REFERENCES + 1)))
"""The fields of the pictures to edit, in order."""

WEBHOOK = ("webhook_url", "webhook_secret")

_SAME = (
    "prompt",
    "seed",
    "steps",
    "guidance",
    "interval",
    "raw",
    "safety_tolerance",
    "prompt_upsampling",
)
"""The fields that have the same name and meaning here."""

_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "flux-dev": {"width": 1024, "height": 768, "guidance": 3.0},
}
"""The vendor's defaults where the variant's own differ, by the endpoint."""

_LEAST_STRENGTH = 0.01
_DIGITS = 4


def translate(variant: Variant, endpoint: str, fields: Fields) -> Translation:
    """The native input that the fields of a request to an endpoint stand for.

    Args:
        variant: the model.
        endpoint: the endpoint's name.
        fields: the body; pictures are named as the native API does, or bare base64.
    """
    translation = Translation(variant)
    given = _present(fields)
    fields = {**_defaults(variant, endpoint, given), **given}
    for name in _SAME:
        translation.put(name, fields.get(name), name)
    _put_size(translation, fields)
    _put_pictures(translation, fields)
    _put_prompt_strength(translation, fields.get("image_prompt_strength"))
    _put_control(translation, fields)
    output_format = fields.get("output_format", "png" if "kontext" in variant.id else "jpeg")
    translation.put("output_format", output_format, "output_format")
    translation.accept(*WEBHOOK)
    translation.ignore_rest(fields)
    return translation


def _present(fields: Fields) -> dict[str, Any]:
    """The fields with a value; sides of 0 are the vendor's word for automatic."""
    return {
        name: value
        for name, value in present(fields).items()
        if not (name in ("width", "height") and _is_zero(value))
    }


def _is_zero(value: Any) -> bool:
    return type(value) is int and value == 0


def _defaults(variant: Variant, endpoint: str, fields: Fields) -> dict[str, Any]:
    """The vendor's defaults; of the size, only where nothing else gives it."""
    if BFL.get(endpoint) != variant.id:
        return {}
    found = dict(_DEFAULTS.get(endpoint, {}))
    if any(fields.get(name) for name in ("width", "height", "aspect_ratio", "image_prompt")):
        return {name: found[name] for name in found.keys() - {"width", "height"}}
    return found


def _put_size(translation: Translation, fields: Fields) -> None:
    """Give the size; where it is given beside a shape, the size holds."""
    sides = [name for name in ("width", "height") if name in fields]
    for name in sides:
        translation.put(name, fields[name], name)
    if sides and translation.takes("width") and "aspect_ratio" in fields:
        translation.ignore("aspect_ratio", "width and height are given")
        return
    translation.put("aspect_ratio", fields.get("aspect_ratio"), "aspect_ratio")


def _put_pictures(translation: Translation, fields: Fields) -> None:
    given = [
        (as_native(fields[name]), name)
        for name in ("image", *REFERENCES, "image_prompt")
        if name in fields
    ]
    mask = (as_native(fields["mask"]), "mask") if "mask" in fields else None
    translation.put_pictures(given, mask)


def _put_prompt_strength(translation: Translation, value: Any) -> None:
    """Give the weight of `image_prompt`: 1 is the picture itself.

    A variant of our own has the share to repaint instead, of which 1 is all.
    """
    is_share = isinstance(value, int | float) and 0 <= value <= 1
    if is_share and not translation.variant.is_hosted:
        value = max(round(1 - value, _DIGITS), _LEAST_STRENGTH)
    translation.put_strength(value, "image_prompt_strength")


def _put_control(translation: Translation, fields: Fields) -> None:
    """Give the picture whose outlines or depths are kept, or the finished map of them."""
    finished, raw = "preprocessed_image", "control_image"
    if finished in fields:
        translation.put("control_image", as_native(fields[finished]), finished)
        if raw in fields:
            translation.ignore(raw, f"{finished} is given")
    elif raw in fields and translation.takes("control_image"):
        translation.put("image", as_native(fields[raw]), raw)
