"""Parameters of hosted variants: accepted ones, the errors for others, and prices."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from workers.catalog import find, picture_fields, variants

HOSTED = {row.id for row in variants() if row.adapter == "hosted"}
MEGAPIXEL = 1024 * 1024


def parse(model: str = "flux.2-pro", **input_: Any) -> BaseModel:
    return find(model).parameters.model_validate({"prompt": "a cat", **input_})


def refused(model: str = "flux.2-pro", **input_: Any) -> tuple[str, str]:
    """Field and type of the one error."""
    with pytest.raises(ValidationError) as caught:
        parse(model, **input_)
    (error,) = caught.value.errors()
    return str(error["loc"][0]), error["type"]


def price(model: str, inputs: tuple[int, ...] = (), **input_: Any) -> int:
    row = find(model)
    return row.price.amount_micros(row.measure(parse(model, **input_), inputs))


def test_the_hosted_variants_are_those_without_public_weights() -> None:
    assert {
        *("flux.1-pro", "flux.1.1-pro", "flux.1.1-pro-ultra"),
        *("flux.1-kontext-pro", "flux.1-kontext-max", "flux.2-pro", "flux.2-flex", "flux.2-max"),
    } == HOSTED
    assert all(find(name).weights is None for name in HOSTED)
    assert {find(name).licence.name for name in HOSTED} == {"commercial API"}


def test_many_jobs_are_in_flight_at_once_and_none_shares_a_batch() -> None:
    at_once = {name: find(name).calls_at_once for name in HOSTED}
    assert at_once.pop("flux.1-kontext-max") == 6
    assert set(at_once.values()) == {24}
    assert {find(name).max_batch for name in HOSTED} == {1}


@pytest.mark.parametrize(
    ("model", "defaults"),
    [
        ("flux.1-pro", {"width": 1024, "height": 768, "steps": 40, "guidance": 2.5, "interval": 2}),
        ("flux.1.1-pro", {"width": 1024, "height": 768, "prompt_upsampling": False}),
        ("flux.1.1-pro-ultra", {"aspect_ratio": "16:9", "raw": False, "strength": 0.1}),
        ("flux.1-kontext-pro", {"aspect_ratio": None, "output_format": "png", "images": ()}),
        ("flux.2-pro", {"width": 1024, "height": 1024, "output_format": "jpeg"}),
        ("flux.2-flex", {"steps": 50, "guidance": 5.0, "prompt_upsampling": True}),
    ],
)
def test_defaults_are_the_vendors(model: str, defaults: dict[str, Any]) -> None:
    parsed = parse(model).model_dump()
    assert defaults.items() <= parsed.items()
    assert parsed["safety_tolerance"] == 2


@pytest.mark.parametrize(
    ("model", "field", "value"),
    [
        ("flux.1-pro", "width", 1456),
        ("flux.1-pro", "width", 240),
        ("flux.1-pro", "height", 272),
        ("flux.1-pro", "steps", 51),
        ("flux.1-pro", "guidance", 1.4),
        ("flux.1-pro", "interval", 5),
        ("flux.1.1-pro", "steps", 4),
        ("flux.1.1-pro", "safety_tolerance", 7),
        ("flux.1.1-pro-ultra", "aspect_ratio", "22:9"),
        ("flux.1.1-pro-ultra", "aspect_ratio", "9:22"),
        ("flux.1.1-pro-ultra", "aspect_ratio", "wide"),
        ("flux.1.1-pro-ultra", "strength", 1.1),
        ("flux.1.1-pro-ultra", "width", 1024),
        ("flux.1-kontext-max", "images", ["a", "b", "c", "d", "e"]),
        ("flux.1-kontext-max", "aspect_ratio", "3:1"),
        ("flux.2-pro", "width", 1000),
        ("flux.2-pro", "height", 48),
        ("flux.2-pro", "safety_tolerance", 6),
        ("flux.2-pro", "steps", 4),
        ("flux.2-pro", "num_images", 2),
        ("flux.2-pro", "images", [str(n) for n in range(9)]),
        ("flux.2-pro", "images", "one"),
        ("flux.2-pro", "images", [1]),
        ("flux.2-flex", "guidance", 11.0),
        ("flux.2-max", "output_format", "gif"),
        ("flux.2-max", "seed", 2**64),
        ("flux.2-max", "prompt", "   "),
    ],
)
def test_values_that_the_vendor_refuses_are_refused_first(
    model: str, field: str, value: Any
) -> None:
    assert refused(model, **{field: value})[0] == field


def test_ratios_of_the_extreme_shapes_are_taken() -> None:
    for model in ("flux.1.1-pro-ultra", "flux.1-kontext-pro"):
        assert parse(model, aspect_ratio="21:9")
        assert parse(model, aspect_ratio="9:21")


def test_flux_2_paints_four_megapixels() -> None:
    assert parse(width=2048, height=2048)
    assert refused(width=2064, height=2048) == ("width", "too_many_pixels")


def test_a_picture_made_from_references_has_no_size_of_its_own() -> None:
    free = parse(images=["a"]).model_dump()
    assert (free["width"], free["height"]) == (None, None)
    sized = parse(images=["a"], height=512).model_dump()
    assert (sized["width"], sized["height"]) == (1024, 512)


def test_a_ratio_becomes_a_size() -> None:
    parsed = parse(aspect_ratio="16:9", images=["a"]).model_dump()
    assert (parsed["width"], parsed["height"], parsed["aspect_ratio"]) == (1360, 768, None)
    assert refused(aspect_ratio="16:9", width=512) == ("aspect_ratio", "size_given_twice")


@pytest.mark.parametrize("given", [{}, {"images": ["a", "b"]}, {"aspect_ratio": "3:4"}])
def test_a_dumped_input_parses_to_itself(given: dict[str, Any]) -> None:
    parsed = parse(**given)
    assert parse(**parsed.model_dump(mode="json")) == parsed


def test_references_are_pictures() -> None:
    assert picture_fields(find("flux.2-max").parameters) == ("images",)
    assert picture_fields(find("flux.1.1-pro-ultra").parameters) == ("image",)


@pytest.mark.parametrize(
    ("model", "inputs", "given", "micros"),
    [
        ("flux.1-pro", (), {}, 50_000),
        ("flux.1.1-pro", (), {"width": 1440, "height": 1440}, 40_000),
        ("flux.1.1-pro-ultra", (), {}, 60_000),
        ("flux.1-kontext-pro", (MEGAPIXEL,), {"images": ["a"]}, 40_000),
        ("flux.1-kontext-max", (), {}, 80_000),
        ("flux.2-pro", (), {}, 30_000),
        ("flux.2-pro", (), {"width": 1040}, 45_000),
        ("flux.2-flex", (), {"width": 2048, "height": 2048}, 200_000),
        ("flux.2-max", (MEGAPIXEL,), {"images": ["a"]}, 100_000),
        # Output as large as the first reference, two megapixels; input two and one.
        ("flux.2-pro", (2 * MEGAPIXEL, 1), {"images": ["a", "b"]}, 30_000 + 15_000 * 4),
        ("flux.2-pro", (2 * MEGAPIXEL,), {"images": ["a"], "width": 512}, 30_000 + 15_000 * 2),
        # What is larger than four megapixels is made smaller first.
        ("flux.2-pro", (19 * MEGAPIXEL,), {"images": ["a"]}, 30_000 + 15_000 * 7),
    ],
)
def test_prices_are_the_vendors(
    model: str, inputs: tuple[int, ...], given: dict[str, Any], micros: int
) -> None:
    assert price(model, inputs, **given) == micros
