"""The vendor's fields as the native input, for local and for hosted variants."""

from typing import Any

import pytest

from api.compat.bfl.translation import translate
from workers import catalog

PNG = "iVBORw0KGgoAAAANSUhEUg"
URI = f"data:image/png;base64,{PNG}"
URL = "https://example.org/picture.png"


def native(endpoint: str, variant: str, **fields: Any) -> dict[str, Any]:
    """The native input, without the format."""
    translated = translate(catalog.find(variant), endpoint, fields).input
    return {name: value for name, value in translated.items() if name != "output_format"}


def ignored(variant: str, **fields: Any) -> list[str]:
    """The names of the ignored fields."""
    return [each.parameter for each in translate(catalog.find(variant), variant, fields).warnings]


@pytest.mark.parametrize(
    ("variant", "fields", "expected"),
    [
        ("flux.1-dev", {"prompt": "a", "seed": 2**64 - 1}, {"prompt": "a", "seed": 2**64 - 1}),
        ("flux.1-dev", {"steps": 9, "guidance": 3, "raw": None}, {"steps": 9, "guidance": 3}),
        ("flux.1-dev", {"width": 0, "height": 0}, {}),
        ("flux.1-dev", {"width": 512, "height": 0}, {"width": 512}),
        ("flux.1-dev", {"aspect_ratio": "16:9"}, {"aspect_ratio": "16:9"}),
        ("flux.1-dev", {"width": 512, "aspect_ratio": "16:9"}, {"width": 512}),
        ("flux.1-kontext-pro", {"width": 512, "aspect_ratio": "16:9"}, {"aspect_ratio": "16:9"}),
        ("flux.1-dev", {"image_prompt": PNG}, {"image": URI}),
        ("flux.1-dev", {"input_image": URL}, {"image": URL}),
        ("flux.2-klein-4b", {"input_image": PNG, "input_image_2": URL}, {"images": [URI, URL]}),
        ("flux.2-klein-4b", {"image_prompt": PNG}, {"images": [URI]}),
        ("flux.1-fill-dev", {"image": URL, "mask": PNG}, {"image": URL, "mask": URI}),
        ("flux.2-klein-4b", {"input_image": URL, "mask": PNG}, {"image": URL, "mask": URI}),
        ("flux.1-canny-dev", {"control_image": PNG}, {"image": URI}),
        ("flux.1-canny-dev", {"preprocessed_image": PNG}, {"control_image": URI}),
        (
            "flux.1-dev",
            {"image_prompt": PNG, "image_prompt_strength": 0.2},
            {"image": URI, "strength": 0.8},
        ),
        (
            "flux.1-dev",
            {"image_prompt": PNG, "image_prompt_strength": 1},
            {"image": URI, "strength": 0.01},
        ),
        (
            "flux.1.1-pro-ultra",
            {"image_prompt": PNG, "image_prompt_strength": 0.2, "raw": True},
            {"image": URI, "strength": 0.2, "raw": True},
        ),
        (
            "flux.1-pro",
            {"interval": 3, "safety_tolerance": 6},
            {"interval": 3} | {"safety_tolerance": 6},
        ),
        ("flux.1-pro", {"interval": 2.0, "guidance": 2.0}, {"interval": 2, "guidance": 2.0}),
        ("flux.1-pro", {"interval": 2.5}, {"interval": 2.5}),
        ("flux.2-flex", {"prompt_upsampling": False}, {"prompt_upsampling": False}),
    ],
)
def test_a_field_is_what_it_is_here(
    variant: str, fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert native(variant, variant, **fields) == expected


def test_up_to_ten_pictures_are_references() -> None:
    more = {f"input_image_{n}": f"{URL}?{n}" for n in range(2, 11)}
    found = native("flux-2-pro", "flux.2-pro", input_image=URL, **more)
    assert found["images"] == [URL, *(f"{URL}?{n}" for n in range(2, 11))]


@pytest.mark.parametrize(
    ("variant", "fields", "expected"),
    [
        ("flux.1-schnell", {"guidance": 3, "safety_tolerance": 2, "raw": True}, None),
        ("flux.1-dev", {"nothing": 1, "null": None}, ["nothing"]),
        ("flux.1-dev", {"width": 64, "aspect_ratio": "1:1"}, ["aspect_ratio"]),
        ("flux.1-dev", {"image_prompt_strength": 0.1}, ["image_prompt_strength"]),
        ("flux.1-dev", {"control_image": PNG}, ["control_image"]),
        (
            "flux.1-canny-dev",
            {"control_image": PNG, "preprocessed_image": PNG},
            ["control_image"],
        ),
        ("flux.1-dev", {"input_image": URL, "input_image_2": URL}, ["input_image_2"]),
        ("flux.1-dev", {"webhook_url": URL, "webhook_secret": "s", "output_format": "png"}, []),
    ],
)
def test_a_field_without_effect_is_told(
    variant: str, fields: dict[str, Any], expected: list[str] | None
) -> None:
    assert ignored(variant, **fields) == (sorted(fields) if expected is None else expected)


def test_an_endpoint_has_its_vendor_s_defaults_and_a_model_of_ours_its_own() -> None:
    size = {"width": 1024, "height": 768}
    assert native("flux-dev", "flux.1-dev") == {**size, "guidance": 3.0}
    assert native("flux-dev", "flux.1-dev", guidance=2, width=None) == {**size, "guidance": 2}
    assert native("flux-dev", "flux.1-dev", aspect_ratio="1:1") == {
        "aspect_ratio": "1:1",
        "guidance": 3.0,
    }
    assert native("flux.1-dev", "flux.1-dev") == {}
    # An alias of the operator's.
    assert native("flux-dev", "flux.1-schnell") == {}


@pytest.mark.parametrize(
    ("variant", "fields", "expected"),
    [
        ("flux.1-dev", {}, "jpeg"),
        ("flux.1-kontext-pro", {}, "png"),
        ("flux.1-kontext-pro", {"output_format": "webp"}, "webp"),
        ("flux.2-pro", {"output_format": None}, "jpeg"),
    ],
)
def test_the_format_is_the_vendor_s_default(
    variant: str, fields: dict[str, Any], expected: str
) -> None:
    translated = translate(catalog.find(variant), variant, fields)
    assert translated.input["output_format"] == expected


def test_errors_name_the_vendor_s_fields() -> None:
    fields = {"image_prompt": "no", "control_image": "no"}
    translated = translate(catalog.find("flux.1-dev"), "flux-dev", fields)
    assert translated.foreign_name(("image",)) == "image_prompt"
    references = translate(
        catalog.find("flux.2-pro"), "flux-2-pro", {"input_image": URL, "input_image_2": "no"}
    )
    assert references.foreign_name(("images", 1)) == "input_image_2"
