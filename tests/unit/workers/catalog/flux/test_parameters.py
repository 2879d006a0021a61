"""Parameters of FLUX variants: accepted ones, and the errors for others."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from workers.catalog import find
from workers.catalog.flux.parameters import FluxParameters
from workers.catalog.flux.sizes import size_for_ratio


def parse(model: str = "flux.1-schnell", **input_: Any) -> FluxParameters:
    parsed = find(model).parameters.model_validate({"prompt": "a cat", **input_})
    assert isinstance(parsed, FluxParameters)
    return parsed


def refused(model: str = "flux.1-schnell", **input_: Any) -> tuple[str, str, str]:
    """Field, type and message of the one error."""
    with pytest.raises(ValidationError) as caught:
        parse(model, **input_)
    (error,) = caught.value.errors()
    return str(error["loc"][0]), error["type"], error["msg"]


def test_a_prompt_alone_is_enough() -> None:
    parsed = parse()
    assert (parsed.width, parsed.height, parsed.steps, parsed.guidance) == (1024, 1024, 4, 0)
    assert (parsed.num_images, parsed.seed, parsed.output_format) == (1, None, "png")


def test_defaults_are_the_variants_own() -> None:
    assert parse("flux.1-dev").guidance == 3.5
    assert parse("flux.1-dev").steps == 28


@pytest.mark.parametrize(
    ("model", "steps", "guidance", "prompt_tokens"),
    [
        ("flux.1-schnell", 4, 0, 256),
        ("flux.1-dev", 28, 3.5, 512),
        ("flux.1-krea-dev", 28, 4.5, 512),
        ("flux.1-fill-dev", 50, 30, 512),
        ("flux.1-kontext-dev", 28, 2.5, 512),
        ("flux.1-canny-dev", 50, 30, 512),
        ("flux.1-depth-dev", 30, 10, 512),
        ("flux.1-redux-dev", 50, 2.5, 512),
        ("flux.2-klein-4b", 4, 0, 512),
        ("flux.2-klein-9b", 4, 0, 512),
        ("flux.2-dev", 50, 4, 512),
    ],
)
def test_defaults_are_those_of_the_official_examples(
    model: str, steps: int, guidance: float, prompt_tokens: int
) -> None:
    """Where a model card names no number of steps, those of diffusers' pipeline are taken."""
    variant = find(model)
    fields = variant.parameters.model_fields
    assert (fields["steps"].default, fields["guidance"].default) == (steps, guidance)
    assert variant.options["max_sequence_length"] == prompt_tokens
    assert parse("flux.1-demo").width == 256


def test_a_prompt_is_stripped() -> None:
    assert parse(prompt="  a cat\n").prompt == "a cat"


@pytest.mark.parametrize("prompt", ["", "  \n ", "x" * 5001])
def test_an_empty_or_endless_prompt_is_refused(prompt: str) -> None:
    assert refused(prompt=prompt)[0] == "prompt"


def test_a_prompt_that_the_database_cannot_hold_is_refused() -> None:
    assert refused(prompt="a\x00b")[1] == "nul_character"


@pytest.mark.parametrize(
    ("asked", "painted"),
    [
        ((1000, 1080), (992, 1072)),
        ((64, 79), (64, 64)),
        ((0, 0), (1024, 1024)),
        ((0, 90), (1024, 80)),
    ],
)
def test_a_side_is_rounded_down_to_a_multiple_of_16(
    asked: tuple[int, int], painted: tuple[int, int]
) -> None:
    parsed = parse(width=asked[0], height=asked[1])
    assert parsed.size == painted
    assert parsed.model_dump() == parse(width=painted[0], height=painted[1]).model_dump()


def test_a_size_just_over_the_limit_is_rounded_to_within_it() -> None:
    assert parse("flux.2-klein-4b", width=2050, height=2059).size == (2048, 2048)


@pytest.mark.parametrize("side", [False, 63, 2064, -16])
def test_a_side_out_of_range_is_refused(side: int) -> None:
    assert refused(height=side)[0] == "height"


def test_too_many_pixels_are_refused_with_the_limit() -> None:
    field, kind, message = refused(width=2048, height=1040)
    assert (field, kind) == ("width", "too_many_pixels")
    assert "2129920" in message
    assert "2097152" in message


def test_flux_2_paints_four_megapixels() -> None:
    assert parse("flux.2-klein-4b", width=2048, height=2048).pixels == 4 * 1024 * 1024
    assert refused("flux.2-klein-4b", width=2064, height=2048)[1] == "too_many_pixels"


@pytest.mark.parametrize(
    ("ratio", "size"),
    [("1:1", (1024, 1024)), ("16:9", (1360, 768)), ("9:16", (768, 1360)), ("21:9", (1568, 672))],
)
def test_a_ratio_becomes_a_size(ratio: str, size: tuple[int, int]) -> None:
    parsed = parse(aspect_ratio=ratio)
    assert (parsed.width, parsed.height, parsed.aspect_ratio) == (*size, None)


def test_a_ratio_beside_a_size_is_refused() -> None:
    assert refused(aspect_ratio="16:9", width=512)[:2] == ("aspect_ratio", "size_given_twice")


@pytest.mark.parametrize("ratio", ["16x9", "0:9", "16:9:1", "-1:2", "100:1", 1.78])
def test_a_ratio_of_another_form_is_refused(ratio: Any) -> None:
    assert refused(aspect_ratio=ratio)[0] == "aspect_ratio"


def test_a_ratio_too_long_for_the_sides_is_refused_with_their_range() -> None:
    field, kind, message = refused(aspect_ratio="40:1")
    assert (field, kind) == ("aspect_ratio", "aspect_ratio_out_of_range")
    assert "64 to 2048" in message


@given(st.integers(1, 4), st.integers(1, 4), st.sampled_from([128**2, 1024**2]))
def test_a_ratio_keeps_its_shape_and_area(across: int, down: int, pixels: int) -> None:
    width, height = size_for_ratio(f"{across}:{down}", pixels)
    assert width % 16 == height % 16 == 0
    assert width == pytest.approx((pixels * across / down) ** 0.5, abs=8)
    assert height == pytest.approx((pixels * down / across) ** 0.5, abs=8)


@pytest.mark.parametrize("model", ["flux.1-schnell", "flux.2-klein-4b", "flux.1-demo"])
def test_distilled_variants_take_no_guidance_but_zero(model: str) -> None:
    assert parse(model, guidance=0).guidance == 0
    field, kind, message = refused(model, guidance=3.5)
    assert (field, kind) == ("guidance", "guidance_not_taken")
    assert "distilled" in message


def test_dev_takes_guidance_in_its_range() -> None:
    assert parse("flux.1-dev", guidance=2).guidance == 2
    assert refused("flux.1-dev", guidance=0.5)[0] == "guidance"
    assert refused("flux.1-dev", guidance=float("nan"))[0] == "guidance"


def test_seeds_have_64_bits() -> None:
    assert parse(seed=2**64 - 1).seed == 2**64 - 1
    assert refused(seed=2**64)[0] == "seed"
    assert refused(seed=-1)[0] == "seed"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_images", 0),
        ("num_images", 5),
        ("steps", 0),
        ("steps", 13),
        ("output_format", "gif"),
        ("output_quality", 0),
        ("output_quality", 101),
    ],
)
def test_values_out_of_range_are_refused(field: str, value: Any) -> None:
    assert refused(**{field: value})[0] == field


@pytest.mark.parametrize("value", ["4", 4.5, True])
def test_numbers_have_to_be_numbers(value: Any) -> None:
    assert refused(steps=value)[0] == "steps"
    assert refused(steps=value)[0] == "steps"


@pytest.mark.parametrize("field", ["images", "control_image", "prompt_negative", "widht"])
def test_unknown_fields_are_refused(field: str) -> None:
    assert refused(**{field: "x"})[:2] == (field, "extra_forbidden")


def test_several_errors_are_told_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        parse(prompt="", width=17, steps=99)
    assert {error["loc"][0] for error in caught.value.errors()} == {"prompt", "width", "steps"}


def test_an_input_that_is_no_object_is_refused() -> None:
    with pytest.raises(ValidationError):
        find("flux.1-schnell").parameters.model_validate(["a cat"])


def test_a_parsed_input_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        parse().width = 512


GUIDED = ("flux.1-schnell", "flux.1-dev", "flux.1-krea-dev", "flux.1-kontext-dev", "flux.1-demo")


@pytest.mark.parametrize("model", GUIDED)
def test_a_negative_prompt_has_a_weight_by_itself(model: str) -> None:
    parsed = parse(model, negative_prompt=" a frame ")
    assert (parsed.get("negative_prompt"), parsed.get("true_guidance")) == ("a frame", 3.5)
    assert parsed.is_truly_guided
    assert parse(model, negative_prompt="a", true_guidance=2).get("true_guidance") == 2


@pytest.mark.parametrize("given", [{}, {"negative_prompt": ""}, {"negative_prompt": " \n"}])
def test_no_negative_prompt_is_no_guidance(given: dict[str, str]) -> None:
    assert not parse("flux.1-dev", **given).is_truly_guided
    assert not parse("flux.1-dev", **given, true_guidance=1).is_truly_guided
    # Away from the empty prompt.
    assert parse("flux.1-dev", **given, true_guidance=1.5).is_truly_guided


def test_a_negative_prompt_without_effect_is_refused() -> None:
    field, kind, message = refused("flux.1-dev", negative_prompt="a frame", true_guidance=1)
    assert (field, kind) == ("true_guidance", "negative_prompt_without_weight")
    assert "more than 1" in message


@pytest.mark.parametrize("weight", [0.5, 0, -1, 10.5, "2", True])
def test_a_weight_out_of_range_is_refused(weight: Any) -> None:
    assert refused("flux.1-dev", negative_prompt="a", true_guidance=weight)[0] == "true_guidance"


@pytest.mark.parametrize(
    "model",
    ["flux.1-fill-dev", "flux.1-canny-dev", "flux.1-redux-dev", "flux.2-klein-4b", "flux.2-dev"],
)
@pytest.mark.parametrize("field", ["negative_prompt", "true_guidance"])
def test_a_model_whose_pipeline_has_no_true_guidance_refuses_both(model: str, field: str) -> None:
    parameters = find(model).parameters
    assert field not in parameters.model_fields
    with pytest.raises(ValidationError, match=field):
        parameters(prompt="a", image="i", mask="m", **{field: 2 if "true" in field else "a"})


def test_true_guidance_doubles_the_steps_cost_and_parts_batches() -> None:
    variant = find("flux.1-dev")
    plain, guided = parse("flux.1-dev"), parse("flux.1-dev", negative_prompt="a frame")
    other = parse("flux.1-dev", negative_prompt="another", seed=1)
    assert 1.9 < variant.cost_seconds(guided) / variant.cost_seconds(plain) < 2
    assert variant.batch_key(guided) == variant.batch_key(other) != variant.batch_key(plain)
    assert variant.price.amount_micros(variant.measure(guided, ())) == variant.price.amount_micros(
        variant.measure(plain, ())
    )


@pytest.mark.parametrize(
    ("steps", "strength", "run"),
    [(4, 0.5, 2), (4, 0.51, 3), (1, 0.01, 1), (50, 0.14, 7), (28, 1.0, 28), (3, 0.34, 2)],
)
def test_the_steps_that_run_are_whole(steps: int, strength: float, run: int) -> None:
    assert parse("flux.1-dev", image="i", steps=steps, strength=strength).run_steps == run
    assert parse("flux.1-dev", steps=steps).run_steps == steps


@pytest.mark.parametrize(
    ("model", "tokens"),
    [("flux.1-schnell", 256), ("flux.1-dev", 512), ("flux.2-klein-9b", 512), ("flux.1-demo", 64)],
)
def test_a_row_tells_how_much_of_a_prompt_is_read(model: str, tokens: int) -> None:
    assert find(model).max_prompt_tokens == tokens
    assert find("florence-2-demo").max_prompt_tokens is None
