"""The OpenAPI schema of a version: its input in Replicate's names, and its output."""

from collections.abc import Mapping
from typing import Any

from api.compat.replicate import flux_input
from api.compat.replicate.florence_input import DEFAULT_TASK, TASK_INPUTS
from api.compat.replicate.version_ids import has_single_output
from workers import catalog
from workers.catalog import Family, Variant, picture_fields

COG_VERSION = "0.16.0"
"""Clients take a list of outputs of a version before 0.3.9 for a stream of them."""

_URI = {"type": "string", "format": "uri"}
_FORMATS = {"jpeg": "jpg"}
_UNSHOWN = frozenset({"embed_metadata", "previews", "artifacts", "task", "tasks", "text", "region"})

Json = dict[str, Any]


def openapi_schema(variant: Variant, name: str) -> Json:
    """The schema of a model's version.

    Args:
        variant: the model.
        name: `owner/name` as it was asked for, on which the shape of the output depends.
    """
    is_analysis = variant.family == Family.FLORENCE2
    input_ = _analysis_input(variant) if is_analysis else _painting_input(variant)
    output = _ANALYSIS_OUTPUT if is_analysis else _painting_output(name)
    return {
        "openapi": "3.0.2",
        "info": {"title": "Cog", "version": "0.1.0"},
        "paths": {},
        "components": {"schemas": {"Input": input_, "Output": output}},
    }


def _painting_output(name: str) -> Json:
    if has_single_output(name):
        return {"title": "Output", **_URI}
    return {"title": "Output", "type": "array", "items": _URI}


_ANALYSIS_OUTPUT: Json = {
    "title": "Output",
    "type": "object",
    "required": ["text"],
    "properties": {"img": {**_URI, "nullable": True}, "text": {"type": "string"}},
}


def _painting_input(variant: Variant) -> Json:
    form, quality = flux_input.default_format(variant)
    properties = _properties(variant, flux_input.names_of(variant))
    if "output_format" in properties:
        formats = [_FORMATS.get(each, each) for each in properties["output_format"]["enum"]]
        properties["output_format"] |= {"enum": formats, "default": form}
    if "output_quality" in properties:
        properties["output_quality"] |= {"minimum": 0, "default": quality}
    if properties.get("guidance", {}).get("maximum") == 0:
        del properties["guidance"]  # it is distilled, and takes none
    if "aspect_ratio" in properties:
        properties["aspect_ratio"] = _RATIO
    if "input_images" in properties:
        properties |= _REFERENCE
    if properties.pop("lora_weights", None) is not None:
        properties |= _LORA
    return _input_of(properties, _required(variant, flux_input.names_of(variant)))


_RATIO: Json = {
    "type": "string",
    "description": "Width to height, such as 16:9; `custom` for width and height, and "
    "`match_input_image` for the size of the picture.",
}
_REFERENCE: Json = {
    "input_image": {**_URI, "description": "A picture to edit; further ones are input_image_2 …"}
}
_LORA: Json = {
    "lora_weights": {
        "type": "string",
        "description": "A LoRA: a name that the operator gave, or the URL of a safetensors file.",
    },
    "lora_scale": {
        "type": "number",
        "default": 1.0,
        "description": "How strongly it is applied; 0 not at all.",
    },
}


def _analysis_input(variant: Variant) -> Json:
    properties = {
        **_properties(variant, {}),
        "task_input": {
            "type": "string",
            "enum": list(TASK_INPUTS),
            "default": DEFAULT_TASK,
            "description": "The task.",
        },
        "text_input": {
            "type": "string",
            "description": "The text of a task that takes one, or a region "
            "<loc_x1><loc_y1><loc_x2><loc_y2> in thousandths of the sides.",
        },
    }
    return _input_of(properties, ["image"])


def _input_of(properties: Mapping[str, Json], required: list[str]) -> Json:
    ordered = {
        name: {"title": name.replace("_", " ").title(), "x-order": n, **schema}
        for n, (name, schema) in enumerate(properties.items())
    }
    return {"title": "Input", "type": "object", "properties": ordered, "required": required}


def _required(variant: Variant, names: Mapping[str, str]) -> list[str]:
    required = catalog.json_schema(variant).get("required", [])
    return [names.get(native, native) for native in required]


def _properties(variant: Variant, names: Mapping[str, str]) -> dict[str, Json]:
    """The native parameters under their foreign names."""
    pictures = picture_fields(variant.parameters)
    native = catalog.json_schema(variant)["properties"]
    return {
        names.get(name, name): _simplified(schema, is_picture=name in pictures)
        for name, schema in native.items()
        if name not in _UNSHOWN
    }


def _simplified(schema: Json, *, is_picture: bool) -> Json:
    """A property as Replicate writes it: of one type, and without a null."""
    options = [each for each in schema.get("anyOf", ()) if each.get("type") not in (None, "null")]
    merged = {**schema, **(options[0] if options else {})}
    kept = {name: merged[name] for name in _KEPT if merged.get(name) is not None}
    if is_picture:
        kept |= {"type": "array", "items": _URI} if merged.get("type") == "array" else _URI
        kept.pop("minLength", None)
    return kept


_KEPT = ("type", "description", "default", "enum", "minimum", "maximum", "pattern", "maxLength")
