"""The catalogue: consistent rows, and an import without model libraries."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from workers.catalog import (
    Family,
    UnknownVariantError,
    Variant,
    find,
    json_schema,
    picture_fields,
    variants,
)

every_row = pytest.mark.parametrize("variant", variants(), ids=lambda row: row.id)

BESIDE: dict[tuple[Family, str], dict[str, Any]] = {
    (Family.FLORENCE2, "text"): {"task": "<OPEN_VOCABULARY_DETECTION>"},
    (Family.FLORENCE2, "region"): {"task": "<REGION_TO_CATEGORY>"},
    (Family.FLORENCE2, "artifacts"): {
        "task": "<REGION_TO_SEGMENTATION>",
        "region": [1, 2, 3, 4],
    },
}
"""Further parameters that an example of a field requires."""

PAINTED_FROM: dict[str, dict[str, Any]] = {
    "flux.1-fill-dev": {"image": "file_1", "mask": "file_2"},
    "flux.1-canny-dev": {"control_image": "file_1"},
    "flux.1-depth-dev": {"control_image": "file_1"},
    "flux.1-redux-dev": {"image": "file_1"},
}


def smallest(variant: Variant) -> dict[str, Any]:
    """The shortest input that a variant accepts."""
    if variant.family is Family.FLORENCE2:
        return {"image": "file_1", "task": "<OD>"}
    return {"prompt": "a red circle", **PAINTED_FROM.get(variant.id, {})}


def beside(variant: Variant, name: str) -> dict[str, Any]:
    """The shortest input that is valid together with a field."""
    given = smallest(variant)
    if name == "tasks":
        del given["task"]
    if name in {"image", "images", "control_image"}:
        given = {key: value for key, value in given.items() if key in {"prompt", "mask", "task"}}
    from_picture = {"mask", "strength", "fit"} if variant.adapter == "flux" else {"strength"}
    if name in from_picture and not given.get("control_image"):
        given["image"] = "file_1"
    if name in {"strength", "fit"} and "mask" in variant.parameters.model_fields:
        given["mask"] = "file_2"
    return given | BESIDE.get((variant.family, name), {})


def settled(variant: Variant, parsed: BaseModel) -> BaseModel:
    """The parameters completed for square pictures."""
    named = {name: getattr(parsed, name) for name in picture_fields(type(parsed))}
    return variant.resolve_sizes(
        parsed, {name: [(512, 512)] for name, given in named.items() if given}
    )


def parse(variant: Variant, **changes: Any) -> BaseModel:
    return variant.parameters.model_validate({**smallest(variant), **changes})


def test_ids_are_unique_and_fit_for_queues_labels_and_urls() -> None:
    ids = [row.id for row in variants()]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9.-]{1,64}", name) for name in ids)


def test_the_catalogue_imports_no_model_library_and_no_queue() -> None:
    script = (
        "import sys, workers.catalog\n"
        "heavy = {'torch', 'transformers', 'diffusers', 'celery', 'redis'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


@every_row
def test_a_row_is_found_by_its_id(variant: Variant) -> None:
    assert find(variant.id) is variant


@pytest.mark.parametrize(
    ("wrong", "meant"), [("flux1-schnell", "flux.1-schnell"), ("florence2-base", "florence-2-base")]
)
def test_an_id_that_is_nearly_right_is_answered_with_the_right_one(wrong: str, meant: str) -> None:
    with pytest.raises(UnknownVariantError, match=f"Did you mean {meant}") as caught:
        find(wrong)
    assert (caught.value.id, caught.value.suggestion) == (wrong, meant)


def test_an_id_like_none_is_answered_without_a_guess() -> None:
    with pytest.raises(UnknownVariantError, match=r"no model 'zzz'\.$") as caught:
        find("zzz")
    assert caught.value.suggestion is None


@every_row
def test_hub_weights_are_pinned_to_a_commit(variant: Variant) -> None:
    parts = [variant.options.get(name) for name in ("depth_weights", "prior_weights")]
    for weights in (variant.weights, *parts):
        if weights is not None and not weights.bundled:
            assert re.fullmatch(r"[0-9a-f]{40}", weights.revision), weights.repo


@every_row
def test_every_field_has_a_description_and_an_example(variant: Variant) -> None:
    schema = json_schema(variant)
    assert json.loads(json.dumps(schema)) == schema
    assert schema["additionalProperties"] is False
    for name, shape in schema["properties"].items():
        assert len(shape["description"]) > 15, name
        assert shape["examples"], name


@every_row
def test_the_examples_of_a_field_are_accepted(variant: Variant) -> None:
    for name, shape in json_schema(variant)["properties"].items():
        for example in shape["examples"]:
            variant.parameters.model_validate({**beside(variant, name), name: example})


@every_row
def test_a_parsed_input_dumped_as_json_parses_to_itself(variant: Variant) -> None:
    parsed = parse(variant)
    text = parsed.model_dump_json()
    assert variant.parameters.model_validate(json.loads(text)) == parsed


@every_row
def test_a_default_job_has_a_price_a_cost_and_a_place_in_a_batch(variant: Variant) -> None:
    parsed = settled(variant, parse(variant))
    assert variant.price.amount_micros(variant.measure(parsed, (640 * 480,))) > 0
    assert 0 < variant.cost_seconds(parsed) < variant.deadline_seconds
    assert 1 <= variant.batch_limit(parsed) <= variant.max_batch


@every_row
def test_the_fields_a_batch_shares_are_parameters(variant: Variant) -> None:
    assert set(variant.batch_fields) <= set(variant.parameters.model_fields)


@every_row
def test_licences_that_forbid_sale_ask_for_a_filter(variant: Variant) -> None:
    assert variant.licence.commercial_use or variant.licence.content_filter_required


def test_pictures_are_told_from_text() -> None:
    assert picture_fields(find("florence-2-base").parameters) == ("image",)
    assert picture_fields(find("flux.1-dev").parameters) == ("image", "mask")
    assert picture_fields(find("flux.2-dev").parameters) == ("image", "images")


@pytest.mark.parametrize(
    ("name", "input_", "micros"),
    [
        ("flux.1-schnell", {}, 3_000),
        ("flux.1-schnell", {"width": 1040}, 6_000),
        ("flux.1-schnell", {"num_images": 4}, 12_000),
        ("flux.1-dev", {"width": 1536, "num_images": 2}, 50_000),
        ("flux.2-klein-4b", {"width": 1536}, 15_000),
        ("flux.2-klein-9b", {"width": 2048, "height": 2048}, 21_000),
        ("flux.1-demo", {"num_images": 3}, 3_000),
        ("florence-2-demo", {"task": None, "tasks": ["<OD>", "<OCR>"]}, 400),
        ("florence-2-large-ft", {}, 1_000),
    ],
)
def test_prices(name: str, input_: dict[str, Any], micros: int) -> None:
    variant = find(name)
    looked_at = (1_000_000,) if variant.family is Family.FLORENCE2 else ()
    measure = variant.measure(parse(variant, **input_), looked_at)
    assert variant.price.amount_micros(measure) == micros


def test_jobs_share_a_batch_whatever_their_prompt_and_seed() -> None:
    variant = find("flux.1-demo")
    one = parse(variant, prompt="a red circle", seed=1)
    other = parse(variant, prompt="a green star", seed=2, output_format="webp")
    assert variant.batch_key(one) == variant.batch_key(other)


@pytest.mark.parametrize("change", [{"width": 64}, {"height": 64}, {"steps": 5}, {"num_images": 2}])
def test_jobs_of_another_shape_do_not(change: dict[str, int]) -> None:
    variant = find("flux.1-demo")
    assert variant.batch_key(parse(variant)) != variant.batch_key(parse(variant, **change))


def test_a_ratio_and_the_size_it_means_share_a_batch() -> None:
    variant = find("flux.1-schnell")
    by_ratio = parse(variant, aspect_ratio="16:9")
    by_size = parse(variant, width=1360, height=768)
    assert variant.batch_key(by_ratio) == variant.batch_key(by_size)


def test_variants_never_share_a_batch() -> None:
    keys = {row.batch_key(settled(row, parse(row))) for row in variants()}
    assert len(keys) == len(variants())


def test_a_job_of_several_pictures_leaves_room_for_fewer_mates() -> None:
    variant = replace(find("flux.1-demo"), max_batch=8)
    assert variant.batch_limit(parse(variant, num_images=1)) == 8
    assert variant.batch_limit(parse(variant, num_images=4)) == 2
    assert replace(variant, max_batch=2).batch_limit(parse(variant, num_images=4)) == 1


def test_more_work_costs_more() -> None:
    flux, florence = find("flux.1-dev"), find("florence-2-base")
    assert flux.cost_seconds(parse(flux, steps=50)) > flux.cost_seconds(parse(flux))
    assert flux.cost_seconds(parse(flux, width=2048)) > flux.cost_seconds(parse(flux))
    greedy = florence.cost_seconds(parse(florence, num_beams=1))
    assert florence.cost_seconds(parse(florence, num_beams=3)) > greedy
    assert florence.cost_seconds(parse(florence, task="<CAPTION>", num_beams=1)) < greedy


@pytest.mark.parametrize(("seconds", "limit"), [(0.1, 8), (2.0, 5), (9.0, 1), (600.0, 1)])
def test_long_jobs_share_no_call(seconds: float, limit: int) -> None:
    variant = replace(find("flux.1-demo"), cost_seconds=lambda _parameters, _inputs=(): seconds)
    assert variant.batch_limit(parse(variant, num_images=1)) == limit


def test_a_picture_of_a_megapixel_shares_no_call_and_smaller_ones_do() -> None:
    for name in ("flux.1-schnell", "flux.2-klein-4b"):
        variant = find(name)
        assert variant.batch_limit(parse(variant)) == 1
        assert variant.batch_limit(parse(variant, aspect_ratio="16:9", num_images=2)) <= 2
        assert variant.batch_limit(parse(variant, width=512, height=512)) == 4


@pytest.mark.parametrize(("seconds", "deadline"), [(4, 120), (60, 480), (600, 1800)])
def test_a_deadline_follows_the_estimate_within_the_rows_bounds(
    seconds: float, deadline: float
) -> None:
    variant = replace(
        find("flux.1-demo"),
        cost_seconds=lambda _parameters, _inputs=(): seconds,
        longest_deadline_seconds=1800,
    )
    assert variant.deadline_for(parse(variant)) == deadline
    alone = replace(variant, longest_deadline_seconds=0)
    assert alone.deadline_for(parse(variant)) == alone.longest_deadline == 120


@every_row
def test_a_default_job_runs_eight_times_slower_than_estimated_within_its_deadline(
    variant: Variant,
) -> None:
    parsed = settled(variant, parse(variant))
    assert variant.deadline_for(parsed) >= 8 * variant.cost_seconds(parsed)
    assert variant.deadline_for(parsed) <= variant.longest_deadline


def test_a_deadline_above_the_longest_one_is_the_longest_one() -> None:
    assert replace(find("flux.1-demo"), deadline_seconds=5000).longest_deadline == 5000
