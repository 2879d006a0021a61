"""fal's fields as native input: each is used, or told as ignored."""

from typing import Any

import pytest

from api.compat.fal.flux_input import SIZES, translate_flux
from api.compat.fal.names import find_app
from api.core.domain_errors import InvalidSubmissionError
from workers import catalog

CATALOGUE = catalog.installed().offered()
PICTURE = "https://example.org/a.png"
BARE = "iVBORw0KGgo="


def translated(name: str, **fields: Any) -> tuple[dict[str, Any], list[str]]:
    """The native input, and the names of what is ignored."""
    translation = translate_flux(find_app(CATALOGUE, name), {"prompt": "x", **fields})
    return translation.input, [each.parameter for each in translation.warnings]


def sizes(name: str, **fields: Any) -> Any:
    """The native width and height."""
    given, _ = translated(name, **fields)
    return given.get("width"), given.get("height")


def test_plain_fields() -> None:
    given, ignored = translated(
        "fal-ai/flux/dev",
        num_images=2,
        num_inference_steps=20,
        guidance_scale=3.5,
        seed=2**64 - 1,
        output_format="png",
        image_size="square",
        sync_mode=True,
        loras=[{"path": "https://example.org/l.safetensors", "scale": 0.5}, {"path": "own"}],
        enable_safety_checker=True,
        acceleration="none",
    )
    assert given == {
        "prompt": "x",
        "num_images": 2,
        "steps": 20,
        "guidance": 3.5,
        "seed": 2**64 - 1,
        "output_format": "png",
        "width": 512,
        "height": 512,
        "loras": [{"source": "https://example.org/l.safetensors", "scale": 0.5}, {"source": "own"}],
    }
    assert ignored == ["enable_safety_checker", "acceleration"]
    catalog.find("flux.1-dev").parameters.model_validate(given)


def test_every_translated_input_is_valid_for_its_model() -> None:
    for variant in CATALOGUE.variants():
        if variant.family == "florence2":
            continue
        name = f"bottega/{variant.id}"
        required = {
            "flux.1-fill-dev": {"image_url": PICTURE, "mask_url": PICTURE},
            "flux.1-canny-dev": {"image_url": PICTURE},
            "flux.1-depth-dev": {"control_image_url": PICTURE},
            "flux.1-redux-dev": {"image_url": PICTURE},
        }.get(variant.id, {})
        for size in (*SIZES, "auto", None):
            given, _ = translated(name, image_size=size, num_images=1, **required)
            variant.parameters.model_validate(given)


@pytest.mark.parametrize(
    ("name", "fields", "size"),
    [
        ("fal-ai/flux/dev", {}, (1024, 768)),
        ("fal-ai/flux/dev", {"image_size": "portrait_16_9"}, (576, 1024)),
        ("fal-ai/flux/dev", {"image_size": {"width": 640, "height": 320}}, (640, 320)),
        ("fal-ai/flux/dev", {"image_size": {"width": 640}}, (640, None)),
        ("fal-ai/flux/dev", {"image_size": "auto"}, (None, None)),
        ("bottega/flux.1-demo", {}, (416, 320)),
        ("bottega/flux.1-demo", {"image_size": "square_hd"}, (384, 384)),
        ("bottega/flux.1-demo/image-to-image", {"image_url": PICTURE}, (None, None)),
        ("fal-ai/flux-2/edit", {"image_urls": [PICTURE]}, (None, None)),
        ("fal-ai/flux-kontext/dev", {"image_url": PICTURE, "aspect_ratio": "16:9"}, (None, None)),
    ],
)
def test_sizes(name: str, fields: Any, size: Any) -> None:
    assert sizes(name, **fields) == size


def test_ratios() -> None:
    kontext = "fal-ai/flux-kontext/dev"
    assert translated(kontext, image_url=PICTURE, aspect_ratio="16:9")[0]["aspect_ratio"] == "16:9"
    assert translated(kontext, image_url=PICTURE, resolution_mode="4:3")[0]["aspect_ratio"] == "4:3"
    for mode in ("auto", "match_input"):
        given, ignored = translated(kontext, image_url=PICTURE, resolution_mode=mode)
        assert ("aspect_ratio" in given, ignored) == (False, [])
    ultra = "fal-ai/flux-pro/v1.1-ultra"
    assert translated(ultra, image_size={"width": 1280, "height": 720})[0]["aspect_ratio"] == "16:9"
    given, ignored = translated(
        "fal-ai/flux/dev", aspect_ratio="1:1", image_size={"width": 640, "height": 320}
    )
    assert (given["width"], ignored) == (640, ["aspect_ratio"])


def test_pictures() -> None:
    given, _ = translated("fal-ai/flux/dev/image-to-image", image_url=BARE, strength=0.5)
    assert given["image"] == f"data:image/png;base64,{BARE}"
    assert given["strength"] == 0.5
    given, _ = translated("fal-ai/flux-lora/inpainting", image_url=PICTURE, mask_url=PICTURE)
    assert (given["image"], given["mask"]) == (PICTURE, PICTURE)
    given, _ = translated("fal-ai/flux-2/edit", image_urls=[PICTURE, BARE])
    assert given["images"] == [PICTURE, f"data:image/png;base64,{BARE}"]
    given, _ = translated("bottega/flux.2-klein-4b/edit", image_url=PICTURE)
    assert given["images"] == [PICTURE]
    given, _ = translated("fal-ai/flux-lora-canny", control_lora_image_url=PICTURE)
    assert given["control_image"] == PICTURE


def test_a_strength_without_effect_is_ignored() -> None:
    given, ignored = translated("fal-ai/flux/dev", strength=0.5)
    assert ("strength" in given, ignored) == (False, ["strength"])
    given, ignored = translated("fal-ai/flux-kontext/dev", image_url=PICTURE, strength=0.5)
    assert ("strength" in given, ignored) == (False, ["strength"])


def test_settings_of_hosted_models() -> None:
    given, ignored = translated("fal-ai/flux-pro/v1.1-ultra", safety_tolerance="5", raw=True)
    assert (given["safety_tolerance"], given["raw"], ignored) == (5, True, [])
    assert translated("fal-ai/flux/schnell", safety_tolerance="5")[1] == ["safety_tolerance"]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("fal-ai/flux/dev/image-to-image", "image_url"),
        ("fal-ai/flux-lora/inpainting", "image_url"),
        ("fal-ai/flux-2/edit", "image_urls"),
    ],
)
def test_a_path_requires_its_pictures(name: str, field: str) -> None:
    with pytest.raises(InvalidSubmissionError) as caught:
        translated(name)
    assert caught.value.fields[0].loc == (field,)


def test_names_of_fields_in_errors() -> None:
    translation = translate_flux(
        find_app(CATALOGUE, "fal-ai/flux-2/edit"),
        {"prompt": "x", "image_urls": [PICTURE, "?"], "image_size": "square", "loras": [{}]},
    )
    names = {
        ("images", 1): "image_urls.1",
        ("images",): "image_urls",
        ("width",): "image_size.width",
        ("steps",): "num_inference_steps",
        ("loras", 0, "source"): "loras.0.path",
        ("prompt",): "prompt",
    }
    assert {place: translation.foreign_name(place) for place in names} == names
