"""Valid combinations of input pictures, and the sizes of the pictures made from them."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.jobs.prepare import input_pixels
from workers.catalog import find, picture_fields
from workers.catalog.flux import flux1_rows, flux2_rows
from workers.catalog.flux.parameters import FluxParameters, flux_parameters
from workers.catalog.flux.sizes import KONTEXT_SIZES, FluxLimits, size_of_edit
from workers.catalog.variant import Variant

SCHNELL, KLEIN, FILL = "flux.1-schnell", "flux.2-klein-4b", "flux.1-fill-dev"
DEV = "flux.1-dev"
KONTEXT, CANNY, REDUX = "flux.1-kontext-dev", "flux.1-canny-dev", "flux.1-redux-dev"


def parse(model: str, **given: Any) -> FluxParameters:
    parsed = find(model).parameters.model_validate({"prompt": "a cat", **given})
    assert isinstance(parsed, FluxParameters)
    return parsed


def refusal_of(model: str, sizes: dict[str, Any] | None = None, **given: Any) -> tuple[str, str]:
    with pytest.raises(ValidationError) as caught:
        parse(model, **given).with_sizes(sizes or {})
    (error,) = caught.value.errors()
    return str(error["loc"][0]), error["type"]


@pytest.mark.parametrize(
    ("model", "given", "refused"),
    [
        (SCHNELL, {"mask": "m"}, ("mask", "mask_without_image")),
        (SCHNELL, {"strength": 0.5}, ("strength", "strength_without_image")),
        (SCHNELL, {"image": "i", "strength": 0}, ("strength", "greater_than")),
        (SCHNELL, {"image": "i", "strength": 1.1}, ("strength", "less_than_equal")),
        (SCHNELL, {"images": ["i"]}, ("images", "extra_forbidden")),
        (KLEIN, {"image": "i", "images": ["j"]}, ("images", "pictures_given_twice")),
        (KLEIN, {"images": list("ijklm")}, ("images", "too_long")),
        (KLEIN, {"image": "i", "strength": 0.5}, ("strength", "strength_without_image")),
        (FILL, {"image": "i"}, ("mask", "missing")),
        (FILL, {"mask": "m"}, ("image", "missing")),
        (FILL, {"image": "i", "mask": "m", "strength": 0.5}, ("strength", "extra_forbidden")),
        (CANNY, {}, ("control_image", "control_given_once")),
        (CANNY, {"image": "i", "control_image": "c"}, ("control_image", "control_given_once")),
        (REDUX, {}, ("image", "missing")),
    ],
)
def test_pictures_that_make_no_sense_are_refused_by_name(
    model: str, given: dict[str, Any], refused: tuple[str, str]
) -> None:
    assert refusal_of(model, **given) == refused


def test_a_mask_has_the_size_of_its_image() -> None:
    given = {"image": "i", "mask": "m"}
    sizes = {"image": [(128, 128)], "mask": [(128, 64)]}
    assert refusal_of(SCHNELL, sizes, **given) == ("mask", "mask_of_another_size")


@pytest.mark.parametrize("size", [(63, 128), (64, 520)])
def test_a_picture_too_small_or_too_long_is_refused(size: tuple[int, int]) -> None:
    sizes = {"images": [(512, 512), size]}
    with pytest.raises(ValidationError) as caught:
        parse(KLEIN, images=["i", "j"]).with_sizes(sizes)
    (error,) = caught.value.errors()
    assert (error["loc"], error["type"]) == (("images", 1), "picture_not_usable")


@pytest.mark.parametrize(
    ("model", "picture", "asked", "painted"),
    [
        (SCHNELL, (600, 403), {}, (608, 400)),
        (SCHNELL, (4000, 3000), {}, (1680, 1248)),
        (SCHNELL, (600, 400), {"width": 960}, (960, 640)),
        (SCHNELL, (600, 400), {"height": 320}, (480, 320)),
        (SCHNELL, (600, 400), {"width": 512, "height": 512}, (512, 512)),
        (SCHNELL, (600, 400), {"aspect_ratio": "1:1"}, (1024, 1024)),
        (KONTEXT, (300, 200), {}, (1248, 832)),
        (KONTEXT, (300, 200), {"width": 512, "height": 512}, (512, 512)),
        (KLEIN, (3000, 3000), {}, (2048, 2048)),
    ],
)
def test_an_edit_has_the_size_of_its_picture_within_the_limits(
    model: str, picture: tuple[int, int], asked: dict[str, Any], painted: tuple[int, int]
) -> None:
    parsed = parse(model, image="i", **asked)
    assert parsed.with_sizes({"image": [picture]}).size == painted


def test_flux_2_paints_a_megapixel_where_there_is_a_mask() -> None:
    sizes = {"image": [(3000, 3000)], "mask": [(3000, 3000)]}
    given = {"image": "i", "mask": "m"}
    assert parse(KLEIN, **given).with_sizes(sizes).size == (1024, 1024)
    large = {**given, "width": 2048, "height": 2048}
    assert refusal_of(KLEIN, sizes, **large) == ("width", "too_many_pixels")


def test_an_input_with_sizes_parses_again() -> None:
    settled = parse(KLEIN, images=["i"]).with_sizes({"images": [(600, 400)]})
    assert parse(KLEIN, **settled.model_dump(mode="json")) == settled


def test_jobs_from_one_picture_share_a_batch_and_others_do_not() -> None:
    variant = find(KLEIN)

    def key(*pictures: str, prompt: str = "a cat") -> str:
        parsed = parse(KLEIN, images=list(pictures), prompt=prompt)
        return variant.batch_key(parsed.with_sizes({"images": [(512, 512)] * len(pictures)}))

    assert key("i", prompt="a dog") == key("i")
    assert len({key("i"), key("j"), key("i", "j"), key("j", "i")}) == 4


def test_references_are_priced_by_the_megapixel() -> None:
    variant = find(KLEIN)
    asked = parse(KLEIN, images=["i", "j"]).with_sizes({"images": [(1024, 1024), (1024, 1025)]})
    measure = variant.measure(asked, (1024 * 1024, 1024 * 1025))
    assert variant.price.amount_micros(measure) == 14_000 + (1 + 2) * 1_000


def test_no_more_of_a_reference_is_priced_than_is_read() -> None:
    variant = find(KLEIN)
    asked = parse(KLEIN, image="i").with_sizes({"image": [(5000, 4000)]})
    measure = variant.measure(asked, (5000 * 4000,))
    assert variant.price.amount_micros(measure) == 14_000 + (3 + 4) * 1_000


def test_painting_over_with_half_the_strength_costs_half_the_steps() -> None:
    variant = find(DEV)
    size = {"width": 1024, "height": 1024}
    whole, half, plain = (
        variant.cost_seconds(parse(DEV, **size, **given))
        for given in ({"image": "i", "strength": 1}, {"image": "i", "strength": 0.5}, {})
    )
    assert whole == pytest.approx(plain, rel=0.01)  # the picture is encoded as well
    assert half == pytest.approx(whole / 2, rel=0.05)


def test_the_effective_strength_is_the_requested_one_or_the_variants() -> None:
    pictures = {"image": "i", "mask": "m"}
    assert parse(DEV).effective_strength == 1
    assert parse(DEV, image="i").effective_strength == 0.75
    assert parse(DEV, **pictures).effective_strength == 1
    assert parse(DEV, **pictures, strength=0.4).effective_strength == 0.4


def test_a_mask_is_not_priced() -> None:
    sizes = {"image": [(2, 3)], "mask": [(2, 3)], "images": [(4, 5), (1, 1)]}
    assert input_pixels(sizes) == (6, 20, 1)


def test_a_picture_that_is_painted_over_is_not_priced() -> None:
    variant = find(SCHNELL)
    measure = variant.measure(parse(SCHNELL, image="i", width=1024, height=1024), (9_000_000,))
    assert variant.price.amount_micros(measure) == 3_000


LIMITS = FluxLimits(side=1024, min_side=64, max_side=2048, max_pixels=2**21, steps=4, max_steps=9)


@given(st.integers(64, 9000), st.integers(64, 9000), st.sampled_from([16, 32]))
def test_whatever_a_picture_measures_its_edit_is_within_the_limits(
    wide: int, high: int, step: int
) -> None:
    try:
        width, height = size_of_edit((wide, high), None, None, replace(LIMITS, step=step))
    except ValidationError:
        assert max(wide, high) > 8 * min(wide, high)
        return
    assert width % step == height % step == 0
    assert LIMITS.min_side <= min(width, height) <= max(width, height) <= LIMITS.max_side
    assert width * height <= LIMITS.max_pixels


OPEN = [*flux1_rows.ROWS, *flux2_rows.ROWS]
named = st.sampled_from(["i", "j", "", None])
sides = st.sampled_from([16, 64, 128, 250, 1024, 2048, 4096, None])
measures = st.integers(1, 9000)


@given(
    variant=st.sampled_from(OPEN),
    input_=st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("image", "mask", "control_image"), named),
            "images": st.lists(st.sampled_from("ij"), max_size=5),
            "strength": st.floats() | st.none(),
            **dict.fromkeys(("width", "height"), sides),
            "aspect_ratio": st.sampled_from(["1:1", "16:9", "1:8", "99:1", "x"]),
        },
    ),
    size_of=st.fixed_dictionaries({name: st.tuples(measures, measures) for name in "ij"}),
)
def test_whatever_is_given_is_refused_or_has_a_size_and_a_price(
    variant: Variant, input_: dict[str, Any], size_of: dict[str, Any]
) -> None:
    try:
        parsed = variant.parameters.model_validate({"prompt": "a cat", **input_})
        pictures = {name: getattr(parsed, name) for name in picture_fields(variant.parameters)}
        sizes = {
            name: [size_of[key] for key in ([own] if isinstance(own, str) else own)]
            for name, own in pictures.items()
            if own
        }
        settled = variant.resolve_sizes(parsed, sizes)
    except ValidationError:
        return
    assert isinstance(settled, FluxParameters)
    limits = settled.limits
    assert all(limits.min_side <= side <= limits.max_side for side in settled.size)
    assert settled.pixels <= limits.max_pixels
    assert 0 < settled.effective_strength <= 1
    assert variant.price.amount_micros(variant.measure(settled, input_pixels(sizes))) > 0
    assert variant.cost_seconds(settled) > 0
    assert variant.parameters.model_validate(settled.model_dump(mode="json")) == settled


def test_a_model_whose_vae_shrinks_more_takes_sides_in_larger_steps() -> None:
    model = flux_parameters("CoarseParameters", replace(LIMITS, side=256, step=32))
    wide = model.model_validate({"prompt": "a cat", "aspect_ratio": "16:9"})
    assert wide.size == (352, 192)
    rounded = model.model_validate({"prompt": "a cat", "width": 272, "height": 256})
    assert rounded.size == (256, 256)


def test_kontext_prefers_sizes_of_about_a_megapixel_in_steps() -> None:
    assert len(KONTEXT_SIZES) == 17
    for width, height in KONTEXT_SIZES:
        assert width % 16 == height % 16 == 0
        assert width * height == pytest.approx(2**20, rel=0.02)
