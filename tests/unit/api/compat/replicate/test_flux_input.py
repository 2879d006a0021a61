"""Inputs of FLUX predictions become the variants' own parameters; the rest is ignored and told."""

from typing import Any

import pytest

from api.compat.replicate.flux_input import translate
from api.compat.shared.translation import Translation
from api.core.domain_errors import InvalidSubmissionError
from workers import catalog

Json = dict[str, Any]

PICTURE = "https://example.org/a.png"
OTHER = "https://example.org/b.png"


def translated(variant: str, **fields: Any) -> Translation:
    return translate(catalog.find(variant), {"prompt": "a red circle", **fields})


def native(variant: str, **fields: Any) -> Json:
    """The native input, without what every one has."""
    found = translated(variant, **fields).input
    return {name: value for name, value in found.items() if name not in USUAL}


USUAL = {"prompt", "output_format", "output_quality"}


def ignored(t: Translation) -> list[str]:
    return [warning.parameter for warning in t.warnings]


def test_plain_names() -> None:
    asked = {"num_outputs": 2, "seed": 2**64 - 1, "num_inference_steps": 20, "guidance": 3}
    assert native("flux.1-dev", **asked) == {
        "num_images": 2,
        "seed": 2**64 - 1,
        "steps": 20,
        "guidance": 3,
    }


def test_native_names_are_taken_too() -> None:
    assert native("flux.1-dev", num_images=3, steps=9, guidance_scale=2.5, previews=True) == {
        "num_images": 3,
        "steps": 9,
        "guidance": 2.5,
        "previews": True,
    }


@pytest.mark.parametrize(
    ("variant", "form", "quality"),
    [("flux.1-dev", "webp", 80), ("flux.2-klein-4b", "jpeg", 95), ("flux.2-pro", "webp", 80)],
)
def test_the_usual_format(variant: str, form: str, quality: int) -> None:
    found = translated(variant).input
    assert (found["output_format"], found["output_quality"]) == (form, quality)


def test_a_given_format() -> None:
    found = translated("flux.1-dev", output_format="jpg", output_quality=0).input
    assert (found["output_format"], found["output_quality"]) == ("jpeg", 1)


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"aspect_ratio": "16:9"}, {"aspect_ratio": "16:9"}),
        ({"aspect_ratio": "1:1", "megapixels": "1"}, {"aspect_ratio": "1:1"}),
        ({"aspect_ratio": "1:1", "megapixels": "0.25"}, {"width": 512, "height": 512}),
        ({"megapixels": "0.25"}, {"width": 512, "height": 512}),
        ({"aspect_ratio": "custom", "width": 640, "height": 480}, {"width": 640, "height": 480}),
        ({"width": 640}, {"width": 640}),
        ({"size": "640x480"}, {"width": 640, "height": 480}),
        ({"aspect_ratio": "match_input_image"}, {}),
        ({"megapixels": "match_input"}, {}),
        ({"aspect_ratio": None, "width": None, "megapixels": None}, {}),
        ({}, {}),
    ],
)
def test_sizes(fields: Json, size: Json) -> None:
    assert native("flux.1-dev", **fields) == size


def test_an_area_is_a_multiple_of_the_variants_own() -> None:
    assert native("flux.1-demo", megapixels="0.25") == {"width": 128, "height": 128}
    assert native("flux.2-dev", aspect_ratio="1:1", resolution="0.25 MP") == {
        "width": 512,
        "height": 512,
    }


def test_a_ratio_wins_over_sides() -> None:
    t = translated("flux.1-dev", aspect_ratio="3:2", width=640, height=480, size="1x1")
    assert t.input["aspect_ratio"] == "3:2"
    assert ignored(t) == ["width", "height", "size"]


def test_a_variant_without_ratios_gets_the_sides() -> None:
    assert native("flux.1.1-pro", aspect_ratio="16:9") == {"width": 1376, "height": 768}
    wide = native("flux.1.1-pro", aspect_ratio="21:9")
    assert wide["width"] <= 1440
    assert wide["width"] % 32 == wide["height"] % 32 == 0


def test_a_variant_without_sides_gets_the_ratio() -> None:
    assert native("flux.1-kontext-pro", size="1024x768") == {"aspect_ratio": "4:3"}
    t = translated("flux.1-kontext-pro", size="1023x101")
    assert "aspect_ratio" not in t.input


@pytest.mark.parametrize(
    ("field", "value"),
    [("size", "large"), ("size", 7), ("megapixels", "much"), ("megapixels", []), ("megapixels", 0)],
)
def test_a_size_that_cannot_be_read(field: str, value: Any) -> None:
    with pytest.raises(InvalidSubmissionError) as caught:
        translated("flux.1-dev", **{field: value})
    assert [each.loc for each in caught.value.fields] == [(field,)]


@pytest.mark.parametrize("ratio", ["wide", 7, [], "0:1"])
def test_a_ratio_that_cannot_be_read(ratio: Any) -> None:
    with pytest.raises(InvalidSubmissionError):
        translated("flux.1.1-pro", aspect_ratio=ratio)
    assert translated("flux.1-dev", aspect_ratio=ratio).input["aspect_ratio"] == ratio


def test_a_picture_to_paint_over_has_the_usual_strength() -> None:
    assert native("flux.1-dev", image=PICTURE) == {"image": PICTURE, "strength": 0.8}
    assert native("flux.1-dev", image=PICTURE, prompt_strength=0.5)["strength"] == 0.5
    assert native("flux.1-dev", image=PICTURE, mask=OTHER) == {"image": PICTURE, "mask": OTHER}


def test_a_strength_without_a_picture_is_ignored() -> None:
    t = translated("flux.1-dev", prompt_strength=0.8)
    assert "strength" not in t.input
    assert ignored(t) == ["prompt_strength"]
    assert ignored(translated("flux.1-kontext-dev", input_image=PICTURE, strength=0.5)) == [
        "strength"
    ]


def test_references_in_all_spellings() -> None:
    fields = {"input_image": PICTURE, "input_images": [OTHER, PICTURE], "input_image_2": OTHER}
    t = translated("flux.2-dev", **fields)
    assert t.input["images"] == [PICTURE, OTHER, PICTURE, OTHER]
    assert t.warnings == []
    assert t.foreign_name(("images", 1)) == "input_images.0"
    assert t.foreign_name(("images", 3)) == "input_image_2"


def test_a_picture_more_than_the_variant_takes_is_ignored() -> None:
    t = translated("flux.1-kontext-dev", input_image=PICTURE, input_image_2=OTHER)
    assert t.input["image"] == PICTURE
    assert ignored(t) == ["input_image_2"]


def test_a_control_picture_is_raw() -> None:
    t = translated("flux.1-canny-dev", control_image=PICTURE)
    assert t.input["image"] == PICTURE
    assert not {"strength", "control_image"} & t.input.keys()
    assert t.warnings == []
    finished = translated("flux.1-depth-dev", preprocessed_image=PICTURE)
    assert finished.input["control_image"] == PICTURE
    assert finished.foreign_name(("control_image",)) == "preprocessed_image"
    assert ignored(translated("flux.1-schnell", control_image=PICTURE)) == ["control_image"]


def test_empty_texts_are_no_pictures() -> None:
    t = translated("flux.1-dev", image="", mask="", input_images=[])
    assert not {"image", "mask", "images"} & t.input.keys()
    assert t.warnings == []


def test_loras() -> None:
    t = translated("flux.1-dev", lora_weights="watercolour", extra_lora="b", extra_lora_scale=0.5)
    assert t.input["loras"] == [{"source": "watercolour"}, {"source": "b", "scale": 0.5}]
    assert t.foreign_name(("loras", 0, "source")) == "lora_weights"
    assert t.foreign_name(("loras", 1, "scale")) == "extra_lora_scale"
    assert ignored(translated("flux.1-dev", lora_scale=1)) == ["lora_scale"]


def test_defaults_of_other_models_are_ignored_and_told() -> None:
    t = translated(
        "flux.1-schnell", go_fast=True, disable_safety_checker=False, guidance=3.5, nothing=None
    )
    assert ignored(t) == ["guidance", "go_fast", "disable_safety_checker"]


def test_settings_of_hosted_variants_are_used() -> None:
    t = translated("flux.1.1-pro-ultra", raw=True, safety_tolerance=4, image_prompt=PICTURE)
    assert {name: t.input[name] for name in ("raw", "safety_tolerance", "image")} == {
        "raw": True,
        "safety_tolerance": 4,
        "image": PICTURE,
    }
    assert t.warnings == []


def test_one_picture_of_a_variant_that_paints_one() -> None:
    assert translated("flux.1.1-pro", num_outputs=1).warnings == []
    assert ignored(translated("flux.1.1-pro", num_outputs=2)) == ["num_outputs"]


@pytest.mark.parametrize("value", [None, 0, "", [], {}, "x", -1, 1.5, True, [[]], {"a": 1}])
def test_no_value_breaks_the_translation(value: Any) -> None:
    names = """prompt num_outputs seed aspect_ratio width height num_inference_steps guidance
        output_format output_quality image prompt_strength mask input_image input_images images
        input_image_2 control_image lora_weights lora_scale extra_lora redux_image"""
    for variant in ("flux.1-dev", "flux.1-kontext-pro", "flux.1.1-pro", "flux.2-dev"):
        for name in names.split():
            try:
                translated(variant, **{name: value})
            except InvalidSubmissionError:
                assert name == "aspect_ratio"
