"""The input of a FLUX prediction, as the variant takes it."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.compat.replicate.sizes import put_size
from api.compat.shared.pictures import as_native
from api.compat.shared.translation import Translation
from workers.catalog import Variant

_NAMES: Mapping[str, str] = {
    "num_images": "num_outputs",
    "steps": "num_inference_steps",
    "strength": "prompt_strength",
    "images": "input_images",
    "loras": "lora_weights",
}

_PICTURE_NAMES: Mapping[str, str] = {
    "kontext": "input_image",
    "redux": "redux_image",
    "canny": "control_image",
    "depth": "control_image",
}
"""The name of the picture to paint from, by a part of the variant's id."""

_SYNONYMS: Mapping[str, Sequence[str]] = {
    "prompt": ("prompt",),
    "seed": ("seed",),
    "steps": ("num_inference_steps", "steps"),
    "guidance": ("guidance", "guidance_scale"),
    "negative_prompt": ("negative_prompt",),
    "true_guidance": ("true_guidance", "true_cfg_scale"),
}
"""The fields of a native parameter that are taken as they are; the first one given counts."""

_STRENGTHS = ("prompt_strength", "strength", "image_prompt_strength")
_PICTURES = ("image", "input_image", "redux_image", "image_prompt")
_RAW, _MAP = "control_image", "preprocessed_image"
"""The picture whose outlines or depths are kept, of which the map is made here; a finished map."""

_PICTURE_LISTS = ("input_images", "images")
_NUMBERED = tuple(f"input_image_{n}" for n in range(2, 9))
_LORAS = (("lora_weights", "lora_scale"), ("extra_lora", "extra_lora_scale"))

_STRENGTH = 0.8
_FORMATS = {"jpg": "jpeg"}
_KLEIN = "flux.2-klein"

Fields = Mapping[str, Any]


def translate(variant: Variant, fields: Fields) -> Translation:
    """The native input that the fields of a prediction's input stand for.

    Args:
        variant: the model.
        fields: the input as it was sent.

    Raises:
        api.core.domain_errors.InvalidSubmissionError: a field cannot be read.
    """
    t = Translation(variant)
    for native, foreign in names_of(variant).items():
        t.rename((native,), foreign)
    for native, names in _SYNONYMS.items():
        _put_first(t, fields, native, names)
    pictures = _pictures(t, fields)
    _put_pictures(t, fields, pictures)
    t.put("control_image", as_native(fields.get(_MAP)), _MAP)
    put_size(t, fields, has_picture=bool(pictures) or "control_image" in t.input)
    _put_count(t, fields)
    _put_format(t, fields)
    _put_loras(t, fields)
    _put_native(t, fields)
    t.ignore_rest(fields)
    return t


def names_of(variant: Variant) -> Mapping[str, str]:
    """The names by which a model's predictions know native parameters, where they differ."""
    own = (variant.base or variant.id).split("-")
    special = next((name for part, name in _PICTURE_NAMES.items() if part in own), None)
    return {**_NAMES, "control_image": _MAP, "image": special} if special else _NAMES


def default_format(variant: Variant) -> tuple[str, int]:
    """The output format and quality where none are asked for."""
    base = variant.base or variant.id
    return ("jpg", 95) if base.startswith(_KLEIN) else ("webp", 80)


def _put_first(t: Translation, fields: Fields, native: str, names: Sequence[str]) -> None:
    given = [name for name in names if fields.get(name) is not None]
    for name in given[:1]:
        t.put(native, fields[name], name)
    for name in given[1:]:
        t.ignore(name, f"{given[0]} is given")


def _pictures(t: Translation, fields: Fields) -> list[tuple[str, str]]:
    """The pictures to edit or to paint from, in order, each with its field."""
    names = (*_PICTURES, _RAW) if t.takes("control_image") else _PICTURES
    found = [(as_native(fields[name]), name) for name in names if fields.get(name)]
    for name in _PICTURE_LISTS:
        given = fields.get(name)
        t.accept(name)
        if isinstance(given, list):
            found += [(as_native(each), f"{name}.{n}") for n, each in enumerate(given)]
        elif given:
            found.append((as_native(given), name))
    found += [(as_native(fields[name]), name) for name in _NUMBERED if fields.get(name)]
    return found


def _put_pictures(t: Translation, fields: Fields, pictures: Sequence[tuple[str, str]]) -> None:
    mask = fields.get("mask") or None
    t.put_pictures(pictures, None if mask is None else (as_native(mask), "mask"))
    given = [name for name in _STRENGTHS if fields.get(name) is not None]
    usual = _usual_strength(t)
    if usual is None:
        for name in given:
            t.ignore(name, _no_strength(t))
        return
    _put_first(t, fields, "strength", _STRENGTHS)
    if not given and usual:
        t.input["strength"] = usual


def _usual_strength(t: Translation) -> float | None:
    """The strength where none is asked for, 0 for the variant's own; None where it has none."""
    if not t.takes("strength") or "image" not in t.input:
        return None
    inputs = getattr(t.variant.parameters, "inputs", None)
    if inputs is None:
        return 0
    plain, masked = inputs.strengths
    if "mask" in t.input:
        return None if masked is None else 0
    return None if plain is None else _STRENGTH


def _no_strength(t: Translation) -> str:
    if t.takes("strength") and "image" not in t.input:
        return "no picture is given to paint over"
    return ""


def _put_count(t: Translation, fields: Fields) -> None:
    count = fields.get("num_outputs")
    # One picture is what a variant without this parameter paints.
    if type(count) is int and count == 1 and not t.takes("num_images"):
        t.accept("num_outputs")
    else:
        t.put("num_images", count, "num_outputs")


def _put_format(t: Translation, fields: Fields) -> None:
    usual, quality = default_format(t.variant)
    asked = fields.get("output_format")
    form = usual if asked is None else asked
    t.put("output_format", _FORMATS.get(form, form) if isinstance(form, str) else form, _FORMAT)
    asked = fields.get(_QUALITY)
    t.put("output_quality", _at_least_one(quality if asked is None else asked), _QUALITY)


_FORMAT, _QUALITY = "output_format", "output_quality"


def _at_least_one(quality: Any) -> Any:
    """A quality as encoders take it: of 0 they know nothing."""
    return 1 if type(quality) is int and quality == 0 else quality


def _put_loras(t: Translation, fields: Fields) -> None:
    loras: list[dict[str, Any]] = []
    for source, scale in _LORAS:
        if not fields.get(source):
            t.accept(source)
            continue
        place = len(loras)
        loras.append({"source": fields[source], **_scale(fields.get(scale))})
        t.accept(scale)
        t.rename(("loras", place), source)
        t.rename(("loras", place, "scale"), scale)
    if loras:
        names = [source for source, _ in _LORAS if fields.get(source)]
        t.put("loras", loras, names[0])
        t.accept(*names)


def _scale(value: Any) -> dict[str, Any]:
    return {} if value is None else {"scale": value}


def _put_native(t: Translation, fields: Fields) -> None:
    """Take the remaining fields that have a native parameter's name, as its own API takes them."""
    for name, value in fields.items():
        if name not in t.input and not t.has_seen(name) and t.takes(name):
            t.put(name, value, name)
