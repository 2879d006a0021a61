"""The playground's forms: every model's parameters asked for, and read back as its input."""

import io
from typing import Any

import pytest
from starlette.datastructures import FormData, UploadFile

from api.web.playground.form.fields import Field, FieldKind, Place, form_of
from api.web.playground.form.form_parser import CUSTOM, filled, input_of
from workers import catalog
from workers.catalog import Variant

PICTURE = "file_01jd8w7n4tq0c3v5x9y2z6k8m1"
ROWS = {variant.id: variant for variant in catalog.variants()}
PAINTER, LOOKER = ROWS["flux.1-demo"], ROWS["florence-2-demo"]
SIZES = ("width", "height", "aspect_ratio")


def untouched(field: Field) -> list[tuple[str, str]]:
    """What a browser sends for a field that nobody has touched but where it must be."""
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
    """The input that a form comes to."""
    fields = form_of(variant)
    plain = [pair for field in fields for pair in untouched(field) if pair[0] not in changes]
    return input_of(fields, FormData([*plain, *changes.items(), *sent]))


@pytest.mark.parametrize("variant", ROWS.values(), ids=list(ROWS))
def test_every_parameter_has_a_field_of_a_kind_of_its_own(variant: Variant) -> None:
    schema = catalog.json_schema(variant)["properties"]
    fields = {field.name: field for field in form_of(variant)}
    asked = {"size" if name in SIZES else name for name in schema}
    fixed = {name for name in schema if schema[name].get("maximum") == 0.0}
    assert set(fields) == asked - {"task"} - fixed
    assert [name for name, field in fields.items() if field.kind is FieldKind.TEXT] == []
    if "size" in fields:
        assert len(fields["size"].shapes) == 7


@pytest.mark.parametrize("variant", ROWS.values(), ids=list(ROWS))
def test_an_untouched_form_says_no_more_than_it_must_and_is_taken(variant: Variant) -> None:
    given = read(variant)
    assert set(given) <= {"prompt", "image", "task", "mask"}
    needs = {"image", "mask", "images"} & set(catalog.json_schema(variant)["properties"])
    pictures = {name: [PICTURE] if name == "images" else PICTURE for name in needs - {"images"}}
    assert variant.parameters.model_validate({**pictures, **given})


@pytest.mark.parametrize("variant", ROWS.values(), ids=list(ROWS))
def test_every_preset_is_a_size_that_the_model_takes(variant: Variant) -> None:
    shapes = [shape for field in form_of(variant) for shape in field.shapes]
    for shape in shapes:
        given = read(variant, shape=shape.ratio)
        image = {"image": PICTURE} if "image" in variant.parameters.model_fields else {}
        mask = {"mask": PICTURE} if variant.id == "flux.1-fill-dev" else {}
        parsed = variant.parameters.model_validate({**image, **mask, **given})
        if shape.width is not None:
            assert (parsed.width, parsed.height) == (shape.width, shape.height)  # type: ignore[attr-defined]


def test_a_picture_that_is_needed_stands_before_all_and_one_that_may_be_is_folded() -> None:
    first = form_of(LOOKER)[0]
    assert (first.name, first.place, first.required) == ("image", Place.MAIN, True)
    folded = [field.name for field in form_of(PAINTER) if field.place is Place.PICTURES]
    assert folded == ["image", "mask", "strength"]


def test_a_size_is_a_preset_or_typed_in() -> None:
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


def test_what_is_no_number_is_left_for_the_model_to_refuse() -> None:
    given = read(PAINTER, steps="many", strength="nan")
    assert given["steps"] == "many"
    with pytest.raises(ValueError, match="steps"):
        PAINTER.parameters.model_validate(given)


def test_text_and_region_go_only_to_tasks_that_read_them() -> None:
    sent = [("text", "a star"), *[("region", side) for side in "1234"]]
    assert read(LOOKER, *sent) == {"image": PICTURE, "task": "<OD>"}
    grounding = read(LOOKER, *sent, tasks="<CAPTION_TO_PHRASE_GROUNDING>")
    assert grounding["text"] == "a star"
    assert "region" not in grounding
    assert read(LOOKER, *sent, tasks="<REGION_TO_OCR>")["region"] == [1, 2, 3, 4]


def test_several_tasks_and_lines_are_lists() -> None:
    given = read(LOOKER, ("tasks", "<OPEN_VOCABULARY_DETECTION>"), ("text", "star\r\n\r\n circle "))
    assert given["tasks"] == ["<OD>", "<OPEN_VOCABULARY_DETECTION>"]
    assert given["text"] == ["star", "circle"]


def test_what_was_given_fills_a_form_again() -> None:
    given = {
        "task": "<OPEN_VOCABULARY_DETECTION>",
        "text": "star <and> circle",
        "loras": [{"source": "watercolour", "scale": 0.8}, {"source": "ink"}],
        "seed": None,
    }
    shown = filled(given)
    assert shown["tasks"] == ["<OPEN_VOCABULARY_DETECTION>"]
    assert shown["text"] == "star\ncircle"
    assert shown["loras"] == "watercolour 0.8\nink"
    assert "seed" not in shown
    assert read(PAINTER, loras=shown["loras"])["loras"] == given["loras"]


def test_a_file_in_the_place_of_a_text_is_passed_over() -> None:
    file = UploadFile(io.BytesIO(b"a red circle"), filename="prompt.txt")
    sent = FormData([("prompt", file), ("image", file), ("seed", "1")])
    assert input_of(form_of(PAINTER), sent) == {"seed": 1, "embed_metadata": False}
