"""Requests for pictures, as the jobs that they stand for."""

from dataclasses import replace
from typing import Any

import pytest

from api.compat.openai.image_fields import EditFields, ImageFields
from api.compat.openai.image_request import (
    DEFAULT_MODEL,
    ImageRequest,
    find_painter,
    jobs_of,
)
from api.compat.shared.submission import ForeignRequest
from api.core.domain_errors import InvalidSubmissionError, ModelNotOfferedError
from workers.catalog import STANDARD, Catalogue, find

DEV, KLEIN, SCHNELL = "flux.1-dev", "flux.2-klein-4b", "flux.1-schnell"
A, B = ("file_a", "image"), ("file_b", "image")
MASK = ("file_m", "mask")
MAX_SEED = 2**64 - 1


def jobs(model: str = DEV, *, seed_source: str = "", **fields: Any) -> list[ForeignRequest]:
    parsed = ImageFields.model_validate({"prompt": "a star", "model": model, **fields})
    request = ImageRequest(parsed, seed_source=seed_source)
    return jobs_of(find_painter(STANDARD, parsed), request)


def inputs(model: str = DEV, **fields: Any) -> dict[str, Any]:
    [job] = jobs(model, **fields)
    return job.translation.input


def edit(model: str, *pictures: tuple[str, str], mask: Any = None, **fields: Any) -> dict[str, Any]:
    parsed = EditFields.model_validate({"prompt": "a star", "model": model, **fields})
    request = ImageRequest(parsed, "image_edit", pictures, mask)
    [job] = jobs_of(find(model), request)
    return job.translation.input


def ignored(job: ForeignRequest) -> list[str]:
    return [warning.parameter for warning in job.translation.warnings]


def test_the_least_request_is_one_png_of_the_model_s_own_size() -> None:
    [job] = jobs()
    assert job.translation.input == {"prompt": "a star", "num_images": 1, "output_format": "png"}
    assert (ignored(job), job.settings, job.is_synchronous) == ([], {}, True)


def test_every_field_is_used_or_told() -> None:
    [job] = jobs(
        n=2,
        size="64x128",
        quality="hd",
        response_format="url",
        output_format="webp",
        output_compression=0,
        background="opaque",
        moderation="low",
        style="vivid",
        user="me",
        stream=True,
        partial_images=1,
        seed=MAX_SEED,
        steps=3,
        guidance=2,
        loras=[{"source": "watercolour", "scale": 0.5}],
        priority="low",
        expires_in_seconds=60,
        keep_seconds=3600,
        metadata={"team": "a"},
        webhook={"url": "https://example.org"},
        input_fidelity=None,
        anything={"else": 1},
    )
    assert job.translation.input == {
        "prompt": "a star",
        "num_images": 2,
        "seed": MAX_SEED,
        "width": 64,
        "height": 128,
        "output_format": "webp",
        "output_quality": 1,
        "steps": 3,
        "guidance": 2.0,
        "loras": [{"source": "watercolour", "scale": 0.5}],
        "previews": True,
    }
    assert ignored(job) == ["quality", "moderation", "style", "user", "anything"]
    assert job.settings == {
        "priority": "low",
        "expires_in_seconds": 60,
        "keep_seconds": 3600,
        "metadata": {"team": "a"},
        "webhook": {"url": "https://example.org"},
    }


def test_settings_that_a_model_lacks_are_ignored_and_told() -> None:
    [job] = jobs(SCHNELL, guidance=3.5, strength=None)
    assert "guidance" not in job.translation.input
    assert ignored(job) == ["guidance"]


def test_a_strength_without_a_picture_to_repaint_is_ignored_and_told() -> None:
    [job] = jobs(strength=0.5)
    assert ignored(job) == ["strength"]
    assert edit(DEV, A, strength=0.5)["strength"] == 0.5


def test_null_is_an_absent_field() -> None:
    nulls = dict.fromkeys([*ImageFields.model_fields, "style"])
    assert inputs(**{**nulls, "prompt": "a star", "model": DEV}) == inputs()


@pytest.mark.parametrize("size", [None, "auto"])
def test_the_size_may_be_the_model_s_own(size: str | None) -> None:
    assert "width" not in inputs(size=size)


def test_a_size_is_a_shape_where_the_model_has_no_sizes() -> None:
    assert inputs("flux.1-kontext-pro", size="1024x768")["aspect_ratio"] == "4:3"


def test_jpeg_and_webp_have_the_best_quality_unless_told() -> None:
    assert "output_quality" not in inputs()
    assert inputs(output_format="jpeg")["output_quality"] == 100
    assert inputs(output_format="jpeg", output_compression=40)["output_quality"] == 40


def test_more_than_four_pictures_are_several_jobs_with_consecutive_seeds() -> None:
    found = [job.translation.input for job in jobs(n=10, seed=5)]
    assert [each["num_images"] for each in found] == [4, 4, 2]
    assert [each["seed"] for each in found] == [5, 9, 13]
    assert [
        each["seed"] for each in (job.translation.input for job in jobs(n=5, seed=MAX_SEED))
    ] == [
        MAX_SEED,
        3,
    ]


def test_a_drawn_seed_is_one_for_all_jobs_and_none_of_the_request() -> None:
    first, second = jobs(n=5)
    seeds = [job.translation.input["seed"] for job in (first, second)]
    assert seeds[1] == seeds[0] + 4
    assert seeds[0] < 2**53
    assert first.translation.drawn == {"seed"}
    assert jobs(n=5)[0].translation.input["seed"] != seeds[0]
    assert "seed" not in inputs(n=4)


def test_a_drawn_seed_follows_from_the_idempotency_key() -> None:
    one, two, other = (
        jobs(n=5, seed_source=source)[0].translation.input["seed"] for source in ("k", "k", "l")
    )
    assert one == two != other


def test_hosted_models_paint_one_picture_a_job() -> None:
    found = jobs("flux.2-pro", n=3, seed=1)
    assert [job.translation.input["seed"] for job in found] == [1, 2, 3]
    assert ignored(found[0]) == []


def test_the_jobs_of_a_request_are_told_apart() -> None:
    first, second = jobs(n=8)
    assert first.echo != second.echo
    assert jobs(style="a")[0].echo != jobs(style="b")[0].echo


def test_one_picture_is_painted_over_or_a_reference() -> None:
    assert edit(DEV, A)["image"] == "file_a"
    assert edit(KLEIN, A)["images"] == ["file_a"]


def test_a_mask_is_for_the_first_picture() -> None:
    found = edit(KLEIN, A, B, mask=MASK)
    assert (found["image"], found["mask"], found["images"]) == ("file_a", "file_m", ["file_b"])


@pytest.mark.parametrize(("model", "pictures"), [(DEV, [A, B]), ("flux.1-pro", [A, A, B])])
def test_more_pictures_than_the_model_takes_are_refused(
    model: str, pictures: list[tuple[str, str]]
) -> None:
    with pytest.raises(InvalidSubmissionError, match="takes one picture") as caught:
        edit(model, *pictures)
    assert caught.value.fields[0].loc == ("image",)


def test_a_missing_prompt_is_refused() -> None:
    for prompt in (None, "", "  "):
        with pytest.raises(InvalidSubmissionError, match="a prompt is required"):
            jobs(prompt=prompt)


def test_a_model_that_looks_at_pictures_paints_none() -> None:
    with pytest.raises(InvalidSubmissionError, match=r"does not paint: served here: .*flux\.1-dev"):
        jobs("florence-2-base")


@pytest.mark.parametrize("name", ["dall-e-3", "gpt-image-1", "", "bottega/nothing"])
def test_an_unknown_model_is_refused_with_what_is_served(name: str) -> None:
    kinds = (ModelNotOfferedError, InvalidSubmissionError)
    with pytest.raises(kinds, match=r"served here: .*flux\.1-dev"):
        jobs(name)


@pytest.mark.parametrize(
    "name", [DEV, "bottega/flux.1-dev", "flux-dev", "black-forest-labs/FLUX.1-dev"]
)
def test_a_model_has_the_names_of_the_vendor_and_of_the_hub(name: str) -> None:
    assert jobs(name)[0].translation.variant.id == DEV


def test_an_alias_of_the_operator_is_the_model_of_requests_without_one() -> None:
    fields = ImageFields(prompt="a star")
    catalogue = Catalogue([replace(find(DEV), aliases=(DEFAULT_MODEL,))])
    assert find_painter(catalogue, fields).id == DEV


def test_an_open_request_holds_no_pictures() -> None:
    sent = {"images": ["data:…"], "mask": "data:…", "quality": "hd", "anything": "data:…"}
    fields = EditFields.model_validate({"prompt": "a star", "size": "64x64", **sent})
    fields.release()
    assert "data:…" not in fields.model_dump_json()
    assert (fields.quality, fields.side) == ("hd", (64, 64))


@pytest.mark.parametrize(
    "images",
    [
        ["file_a", "file_b"],
        [{"file_id": "file_a"}, {"image_url": "file_b"}],
        '[{"file_id": "file_a"}, "file_b"]',
    ],
)
def test_pictures_may_be_text_or_objects_or_json_in_a_form(images: Any) -> None:
    fields = EditFields.model_validate({"images": images, "mask": '{"file_id": "file_m"}'})
    assert [each.name for each in fields.images or ()] == ["file_a", "file_b"]
    assert fields.mask is not None
    assert fields.mask.name == "file_m"
