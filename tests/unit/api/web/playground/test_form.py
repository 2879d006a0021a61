"""The playground's forms: a field for every parameter, read back as a job's input."""

import io
from typing import Any

import pytest
from starlette.datastructures import FormData, UploadFile

from api.web.playground.form.fields import Field, FieldKind, Place, form_of
from api.web.playground.form.form_parser import CUSTOM, form_values_of, input_of
from workers import catalog
from workers.catalog import Variant

PICTURE = "file_01jd8w7n4tq0c3v5x9y2z6k8m1"
ROWS = {variant.id: variant for variant in catalog.variants()}
PAINTER, ANALYSER = ROWS["flux.1-demo"], ROWS["florence-2-demo"]
SIZES = ("width", "height", "aspect_ratio")


def untouched(field: Field) -> list[tuple[str, str]]:
    """The values that a browser sends for a field with its initial or its required value."""
    sent: dict[FieldKind, list[tuple[str, str]]] = {
        FieldKind.SIZE: [("shape", ""), ("width", ""), ("height", "")],
        FieldKind.TASKS: [(field.name, "<OD>")],
        FieldKind.PICTURES: [(field.name, PICTURE)] if field.required else [],
        FieldKind.PROMPT: [(field.name, "a red circle")],
        FieldKind.SWITCH: [(field.name, "true")] if field.default else [],
        FieldKind.SLIDER: [(field.name, str(field.default))],
        FieldKind.CHOICE: [(field.name, str(field.default))],
    }
    return sent.get(field.kind, [])


def read(variant: Variant, *sent: tuple[str, str], **changes: str) -> dict[str, Any]:
    """The input that a form is read as."""
    fields = form_of(variant)
    plain = [pair for field in fields for pair in untouched(field) if pair[0] not in changes]
    return input_of(fields, FormData([*plain, *changes.items(), *sent]))


@pytest.mark.parametrize("variant", ROWS.values(), ids=list(ROWS))
def test_every_parameter_has_a_field_of_a_kind_of_its_own(variant: Variant) -> None:
    schema = catalog.json_schema(variant)["properties"]
    fields = {field.name: field for field in form_of(variant)}
    expected = {"size" if name in SIZES else name for name in schema}
    fixed = {name for name in schema if schema[name].get("maximum") == 0.0}
    assert set(fields) == expected - {"task"} - fixed
    assert [name for name, field in fields.items() if field.kind is FieldKind.TEXT] == []
    if "size" in fields:
        assert len(fields["size"].shapes) == 7


@pytest.mark.parametrize("variant", ROWS.values(), ids=list(ROWS))
def test_an_unchanged_form_sends_only_what_is_required_and_is_valid(variant: Variant) -> None:
    job_input = read(variant)
    assert set(job_input) <= {"prompt", "image", "task", "mask"}
    needs = {"image", "mask", "images"} & set(catalog.json_schema(variant)["properties"])
    pictures = {name: [PICTURE] if name == "images" else PICTURE for name in needs - {"images"}}
    assert variant.parameters.model_validate({**pictures, **job_input})


@pytest.mark.parametrize("variant", ROWS.values(), ids=list(ROWS))
def test_every_preset_is_a_size_that_the_model_accepts(variant: Variant) -> None:
    shapes = [shape for field in form_of(variant) for shape in field.shapes]
    for shape in shapes:
        job_input = read(variant, shape=shape.ratio)
        image = {"image": PICTURE} if "image" in variant.parameters.model_fields else {}
        mask = {"mask": PICTURE} if variant.id == "flux.1-fill-dev" else {}
        parsed = variant.parameters.model_validate({**image, **mask, **job_input})
        if shape.width is not None:
            assert (parsed.width, parsed.height) == (shape.width, shape.height)  # type: ignore[attr-defined]


def test_a_required_picture_comes_first_and_optional_ones_are_folded() -> None:
    first = form_of(ANALYSER)[0]
    assert (first.name, first.place, first.required) == ("image", Place.MAIN, True)
    folded = [field.name for field in form_of(PAINTER) if field.place is Place.PICTURES]
    assert folded == ["image", "mask", "strength", "fit"]


def test_a_size_is_a_preset_or_two_numbers() -> None:
    assert read(PAINTER, shape="16:9", width="64") == {
        "prompt": "a red circle",
        "width": 352,
        "height": 192,
    }
    typed = read(PAINTER, shape=CUSTOM, width="128", height="")
    assert typed == {"prompt": "a red circle", "width": 128}
    assert read(PAINTER, shape="7:5") == {"prompt": "a red circle"}


def test_a_seed_keeps_all_its_digits() -> None:
    assert read(PAINTER, seed="18446744073709551615")["seed"] == 2**64 - 1


def test_an_invalid_number_is_left_for_the_model_to_refuse() -> None:
    job_input = read(PAINTER, steps="many", strength="nan")
    assert job_input["steps"] == "many"
    with pytest.raises(ValueError, match="steps"):
        PAINTER.parameters.model_validate(job_input)


def test_text_and_region_go_only_to_tasks_that_read_them() -> None:
    sent = [("text", "a star"), *[("region", side) for side in "1234"]]
    assert read(ANALYSER, *sent) == {"image": PICTURE, "task": "<OD>"}
    grounding = read(ANALYSER, *sent, tasks="<CAPTION_TO_PHRASE_GROUNDING>")
    assert grounding["text"] == "a star"
    assert "region" not in grounding
    assert read(ANALYSER, *sent, tasks="<REGION_TO_OCR>")["region"] == [1, 2, 3, 4]


def test_several_tasks_and_lines_are_lists() -> None:
    job_input = read(
        ANALYSER, ("tasks", "<OPEN_VOCABULARY_DETECTION>"), ("text", "star\r\n\r\n circle ")
    )
    assert job_input["tasks"] == ["<OD>", "<OPEN_VOCABULARY_DETECTION>"]
    assert job_input["text"] == ["star", "circle"]


def test_an_input_fills_a_form_again() -> None:
    former = {
        "task": "<OPEN_VOCABULARY_DETECTION>",
        "text": "star <and> circle",
        "loras": [{"source": "watercolour", "scale": 0.8}, {"source": "ink"}],
        "seed": None,
    }
    values = form_values_of(former)
    assert values["tasks"] == ["<OPEN_VOCABULARY_DETECTION>"]
    assert values["text"] == "star\ncircle"
    assert values["loras"] == "watercolour 0.8\nink"
    assert "seed" not in values
    assert read(PAINTER, loras=values["loras"])["loras"] == former["loras"]


def test_a_file_in_the_place_of_a_text_is_ignored() -> None:
    file = UploadFile(io.BytesIO(b"a red circle"), filename="prompt.txt")
    sent = FormData([("prompt", file), ("image", file), ("seed", "1")])
    assert input_of(form_of(PAINTER), sent) == {"seed": 1, "embed_metadata": False}
