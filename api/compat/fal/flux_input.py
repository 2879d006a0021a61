"""The fields of fal's FLUX applications as a variant's native input."""

import math
from collections.abc import Mapping
from typing import Any

from api.compat.fal.names import EDIT, IMAGE_TO_IMAGE, INPAINTING, FalApp
from api.compat.shared.pictures import as_native
from api.compat.shared.translation import Translation
from api.core.domain_errors import InvalidSubmissionError
from workers.catalog.flux.sizes import RATIO, FluxLimits

SIZES: Mapping[str, tuple[int, int]] = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
"""Width and height of the named sizes."""

_DEFAULT_SIZE = SIZES["landscape_4_3"]
_AUTO = "auto"
_MATCHES_INPUT = ("auto", "match_input")

_PLAIN = {
    "prompt": "prompt",
    "num_inference_steps": "steps",
    "guidance_scale": "guidance",
    "negative_prompt": "negative_prompt",
    "true_cfg_scale": "true_guidance",
    "seed": "seed",
}
"""Native parameters by fal's names."""

_VENDOR = {"enhance_prompt": "prompt_upsampling", "raw": "raw"}
"""The same, of hosted models alone."""

_REQUIRED = {
    "": (),
    IMAGE_TO_IMAGE: ("image_url",),
    INPAINTING: ("image_url", "mask_url"),
    EDIT: ("image_urls",),
}


def translate_flux(app: FalApp, fields: Mapping[str, Any]) -> Translation:
    """The native input for the fields of a request; a null field is absent.

    Raises:
        api.core.domain_errors.InvalidSubmissionError: a field that the path requires is missing, or
            a size has no such name.
    """
    translation = Translation(app.variant)
    _require(app, fields)
    for foreign, native in _PLAIN.items():
        translation.put(native, fields.get(foreign), foreign)
    _put_pictures(translation, fields)
    _put_size(translation, fields)
    _put_count(translation, fields.get("num_images"))
    translation.put_strength(fields.get("strength"), "strength")
    _put_format(translation, fields.get("output_format"))
    _put_loras(translation, fields.get("loras"))
    _put_vendor_settings(translation, fields)
    translation.accept("sync_mode")
    translation.ignore_rest(fields)
    return translation


def _require(app: FalApp, fields: Mapping[str, Any]) -> None:
    for name in _REQUIRED[app.path]:
        alternatives = ("image_url", "image_urls") if name.startswith("image_") else (name,)
        if not any(fields.get(each) for each in alternatives):
            message = f"{app.name} needs {name}"
            raise InvalidSubmissionError.of_field((name,), message, "missing")


def _put_pictures(translation: Translation, fields: Mapping[str, Any]) -> None:
    urls = fields.get("image_urls")
    several = urls if isinstance(urls, list) else [] if urls is None else [urls]
    pictures = [(as_native(url), f"image_urls.{n}") for n, url in enumerate(several)]
    if (one := fields.get("image_url")) is not None:
        pictures.insert(0, (as_native(one), "image_url"))
    mask = fields.get("mask_url")
    translation.put_pictures(pictures, None if mask is None else (as_native(mask), "mask_url"))
    if one is None:
        translation.rename(("images",), "image_urls")
    for name in ("control_lora_image_url", "control_image_url"):
        translation.put("control_image", as_native(fields.get(name)), name)
    translation.accept("image_url", "image_urls", "mask_url")


def _has_picture(translation: Translation) -> bool:
    return any(name in translation.input for name in ("image", "images", "control_image"))


def _put_size(translation: Translation, fields: Mapping[str, Any]) -> None:
    size, ratio = fields.get("image_size"), fields.get("aspect_ratio")
    mode = fields.get("resolution_mode")
    if isinstance(mode, str) and (ratio is not None or mode in _MATCHES_INPUT):
        translation.accept("resolution_mode")
    elif mode is not None:
        ratio, fields = mode, {**fields, "aspect_ratio": None}
        translation.accept("resolution_mode")
    translation.accept("image_size", "aspect_ratio")
    if size is not None and size != _AUTO:
        if ratio is not None:
            translation.ignore("aspect_ratio", "image_size is given, too")
        _put_image_size(translation, size)
    elif ratio is not None and ratio != _AUTO:
        name = "aspect_ratio" if fields.get("aspect_ratio") is not None else "resolution_mode"
        translation.put("aspect_ratio", ratio, name)
    elif size is None and not _has_picture(translation) and translation.takes("width"):
        _put_sides(translation, _fitting(translation, _DEFAULT_SIZE))


def _put_image_size(translation: Translation, size: Any) -> None:
    if isinstance(size, Mapping):
        sides = (size.get("width"), size.get("height"))
    elif isinstance(size, str) and size in SIZES:
        sides = _fitting(translation, SIZES[size])
        if sides != SIZES[size] and translation.takes("width"):
            asked, painted = (f"{across} x {down}" for across, down in (SIZES[size], sides))
            translation.adjust("image_size", f"{asked} is painted as {painted}")
    else:
        message = f"should be {{width, height}}, auto, or one of {', '.join(SIZES)}"
        raise InvalidSubmissionError.of_field(("image_size",), message, "unknown_size")
    if translation.takes("width"):
        _put_sides(translation, sides)
    else:
        ratio = _ratio(sides)
        translation.put("aspect_ratio", ratio, "image_size")
        if ratio is not None and translation.takes("aspect_ratio"):
            translation.adjust("image_size", f"its shape counts alone, {ratio}")


def _put_sides(translation: Translation, sides: tuple[Any, Any]) -> None:
    for name, side in zip(("width", "height"), sides, strict=True):
        translation.put(name, side, f"image_size.{name}")


def _ratio(sides: tuple[Any, Any]) -> str | None:
    """`W:H` in lowest terms; None where the sides have none that a model takes."""
    width, height = sides
    if not (type(width) is int and type(height) is int and width > 0 and height > 0):
        return None
    divisor = math.gcd(width, height)
    ratio = f"{width // divisor}:{height // divisor}"
    return ratio if RATIO.fullmatch(ratio) else None


def _fitting(translation: Translation, size: tuple[int, int]) -> tuple[int, int]:
    """A named size in its shape, shrunk to what the variant paints."""
    limits = getattr(translation.variant.parameters, "limits", None)
    if not isinstance(limits, FluxLimits):
        return size
    width, height = size
    scale = min(1.0, limits.max_side / max(size), math.sqrt(limits.max_pixels / (width * height)))
    return (
        int(width * scale / limits.step) * limits.step,
        int(height * scale / limits.step) * limits.step,
    )


def _put_count(translation: Translation, count: Any) -> None:
    if count == 1 and not translation.takes("num_images"):
        translation.accept("num_images")
    else:
        translation.put("num_images", count, "num_images")


def _put_format(translation: Translation, output_format: Any) -> None:
    if output_format in (None, "jpg"):
        output_format = "jpeg"
    translation.put("output_format", output_format, "output_format")


def _put_loras(translation: Translation, loras: Any) -> None:
    if not isinstance(loras, list) or not all(isinstance(each, Mapping) for each in loras):
        translation.put("loras", loras, "loras")
        return
    translation.put("loras", [_lora(each) for each in loras], "loras")
    for n in range(len(loras)):
        translation.rename(("loras", n), f"loras.{n}")
        translation.rename(("loras", n, "source"), f"loras.{n}.path")
        translation.rename(("loras", n, "scale"), f"loras.{n}.scale")


def _lora(lora: Mapping[str, Any]) -> dict[str, Any]:
    scale = lora.get("scale")
    return {"source": lora.get("path")} | ({} if scale is None else {"scale": scale})


def _put_vendor_settings(translation: Translation, fields: Mapping[str, Any]) -> None:
    for foreign, native in _VENDOR.items():
        translation.put(native, fields.get(foreign), foreign)
    tolerance = fields.get("safety_tolerance")
    if isinstance(tolerance, str) and tolerance.isdecimal() and tolerance.isascii():
        tolerance = int(tolerance[:3])
    translation.put("safety_tolerance", tolerance, "safety_tolerance")
