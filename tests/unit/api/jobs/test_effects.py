"""Every parameter of every model: always of effect, refused or warned of where it has none.

A new parameter needs a place in one of the two tables.
"""

from typing import Any

import pytest
from pydantic import ValidationError

from api.jobs.adjustments import in_words_of, size_adjustments
from api.jobs.effects import without_effect
from workers.catalog import find, json_schema, variants

EFFECTIVE = {
    "prompt": "what is cut off is told in output.warnings",
    "negative_prompt": "the models without true guidance lack it",
    "num_images": "",
    "steps": "",
    "seed": "",
    "output_format": "",
    "embed_metadata": "every format holds metadata",
    "previews": "none where a content filter judges the pictures: its description says so",
    "safety_tolerance": "",
    "prompt_upsampling": "",
    "interval": "",
    "raw": "",
    "num_beams": "",
    "max_new_tokens": "a limit: a shorter answer does not reach it",
    "min_score": "a limit",
    "tasks": "one named twice is refused, see the tests of Florence-2's parameters",
    "task": "",
}
"""The parameters that have an effect with all others, or whose description tells when not."""

SCHNELL, DEV, FILL, KONTEXT = (
    f"flux.1-{name}" for name in ("schnell", "dev", "fill-dev", "kontext-dev")
)
CANNY, DEPTH, REDUX = (f"flux.1-{name}-dev" for name in ("canny", "depth", "redux"))
KLEIN, FLUX2, ULTRA, FLORENCE = (
    "flux.2-klein-4b",
    "flux.2-dev",
    "flux.1.1-pro-ultra",
    "florence-2-demo",
)
PROMPT: dict[str, Any] = {"prompt": "a star"}
LORA = {"source": "a", "scale": 0.0}
WIDE = {"image": [(384, 192)], "mask": [(384, 192)], "control_image": [(384, 192)]}

Case = tuple[str, str, dict[str, Any], str]

REFUSED: list[Case] = [
    ("guidance", SCHNELL, {"guidance": 3.5}, "guidance_not_taken"),
    ("guidance", KLEIN, {"guidance": 1}, "guidance_not_taken"),
    ("aspect_ratio", SCHNELL, {"aspect_ratio": "1:1", "width": 512}, "size_given_twice"),
    ("aspect_ratio", "flux.2-pro", {"aspect_ratio": "1:1", "width": 512}, "size_given_twice"),
    ("mask", SCHNELL, {"mask": "m"}, "mask_without_image"),
    ("mask", KLEIN, {"mask": "m", "images": ["i"]}, "mask_without_image"),
    ("mask", REDUX, {"image": "i", "mask": "m"}, "extra_forbidden"),
    ("images", KLEIN, {"image": "i", "images": ["j"]}, "pictures_given_twice"),
    ("images", FLUX2, {"images": list("abcdefghi")}, "too_long"),
    ("images", SCHNELL, {"images": ["i"]}, "extra_forbidden"),
    ("control_image", CANNY, {"image": "i", "control_image": "c"}, "control_given_once"),
    ("control_image", DEPTH, {"image": "i", "control_image": "c"}, "control_given_once"),
    ("strength", SCHNELL, {"strength": 0.5}, "strength_without_image"),
    ("strength", KONTEXT, {"image": "i", "strength": 0.5}, "strength_without_image"),
    ("strength", KLEIN, {"image": "i", "strength": 0.5}, "strength_without_image"),
    ("strength", ULTRA, {"strength": 0.5}, "strength_without_image"),
    (
        "true_guidance",
        SCHNELL,
        {"negative_prompt": "b", "true_guidance": 1},
        "negative_prompt_without_weight",
    ),
    ("fit", SCHNELL, {"fit": "pad"}, "fit_without_image"),
    ("fit", DEV, {"fit": "stretch"}, "fit_without_image"),
    ("fit", KONTEXT, {"fit": "pad", "image": "i"}, "fit_without_image"),
    ("fit", KLEIN, {"fit": "stretch", "images": ["i"]}, "fit_without_image"),
    ("fit", REDUX, {"fit": "pad", "image": "i"}, "extra_forbidden"),
    ("fit", ULTRA, {"fit": "pad", "image": "i"}, "extra_forbidden"),
    ("text", FLORENCE, {"task": "caption", "text": "a star"}, "text_not_taken"),
    ("region", FLORENCE, {"task": "ocr", "region": [1, 2, 9, 9]}, "region_not_taken"),
    ("artifacts", FLORENCE, {"task": "caption", "artifacts": ["masks"]}, "artifact_without_task"),
]
"""Parameters that can have no effect with the others: refused by name."""

WARNED: list[Case] = [
    ("width", SCHNELL, {"width": 100}, "parameter_adjusted"),
    ("height", KLEIN, {"height": 100}, "parameter_adjusted"),
    ("output_quality", SCHNELL, {"output_quality": 50}, "parameter_ignored"),
    ("output_quality", "flux.2-pro", {"output_quality": 50, "output_format": "png"}, "parameter_"),
    ("loras", DEV, {"loras": [LORA]}, "parameter_ignored"),
    ("loras", DEV, {"loras": [{"source": "b"}, LORA]}, "parameter_ignored"),
    ("image", SCHNELL, {"image": "i", "strength": 1}, "no_effect"),
    ("negative_prompt", SCHNELL, {"negative_prompt": "a star"}, "no_effect"),
    ("negative_prompt", DEV, {"negative_prompt": "a star", "true_guidance": 2}, "no_effect"),
    ("image", DEV, {"image": "i", "strength": 1.0}, "no_effect"),
    ("image", SCHNELL, {"image": "i", "width": 192, "height": 192}, "picture_cropped"),
    ("image", FILL, {"image": "i", "mask": "m", "aspect_ratio": "1:1"}, "picture_cropped"),
    ("image", KLEIN, {"image": "i", "mask": "m", "aspect_ratio": "1:1"}, "picture_cropped"),
    ("control_image", CANNY, {"control_image": "c", "aspect_ratio": "1:1"}, "picture_cropped"),
]
"""Parameters that clients send by default, or that have an effect with other pictures."""

SILENT: list[tuple[str, dict[str, Any]]] = [
    (SCHNELL, {"output_quality": 95}),
    (SCHNELL, {"output_quality": 50, "output_format": "webp"}),
    (SCHNELL, {"fit": "crop"}),
    (SCHNELL, {"negative_prompt": "A star"}),
    (DEV, {"image": "i", "mask": "m", "strength": 1}),
    (SCHNELL, {"image": "i", "width": 192, "height": 192, "fit": "crop"}),
    (SCHNELL, {"image": "i", "width": 192, "height": 192, "fit": "stretch"}),
    (SCHNELL, {"image": "i", "width": 192, "height": 96}),
    (KLEIN, {"image": "i", "width": 192, "height": 192}),
    (ULTRA, {"strength": 0.1}),
    (DEV, {"loras": [{"source": "a"}]}),
]


def smallest(model: str, given: dict[str, Any]) -> dict[str, Any]:
    return {"image": "i", **given} if model == FLORENCE else {**PROMPT, **given}


def told(model: str, given: dict[str, Any]) -> dict[str, str]:
    """The codes of the warnings of an input, by parameter."""
    variant, asked = find(model), smallest(model, given)
    parsed = variant.parameters.model_validate(asked)
    sizes = {name: size for name, size in WIDE.items() if getattr(parsed, name, None)}
    settled = variant.resolve_sizes(parsed, sizes)
    found = [*size_adjustments(asked, settled, sizes), *without_effect(asked, settled, sizes)]
    warnings = in_words_of({}, found)
    assert all(each.message.startswith(each.parameter) for each in warnings)
    return {each.parameter: each.code for each in warnings}


@pytest.mark.parametrize("variant", variants(), ids=lambda row: row.id)
def test_every_parameter_has_its_place(variant: Any) -> None:
    placed = EFFECTIVE.keys() | {name for name, *_ in REFUSED + WARNED}
    assert json_schema(variant)["properties"].keys() <= placed


@pytest.mark.parametrize(("name", "model", "given", "code"), REFUSED)
def test_a_parameter_that_can_have_no_effect_is_refused_by_name(
    name: str, model: str, given: dict[str, Any], code: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        find(model).parameters.model_validate(smallest(model, given))
    (error,) = caught.value.errors()
    assert (error["loc"][0], error["type"]) == (name, code)


@pytest.mark.parametrize(("name", "model", "given", "code"), WARNED)
def test_a_parameter_without_effect_is_told(
    name: str, model: str, given: dict[str, Any], code: str
) -> None:
    assert told(model, given)[name].startswith(code)


@pytest.mark.parametrize(("model", "given"), SILENT)
def test_a_parameter_that_has_an_effect_or_is_a_default_is_not_told(
    model: str, given: dict[str, Any]
) -> None:
    assert told(model, given) == {}
