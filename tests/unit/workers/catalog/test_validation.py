"""Absent values and whole numbers in the input of every model."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from workers import catalog
from workers.catalog import Variant
from workers.catalog.validation import MAX_EXACT, takes_integers

BLANKS = (None, "", " ", "\n\t ", "\u00a0", "\u3000", "\u200b", "\ufeff \u2060", "\u2003\r")
PICTURE = "file_01jd8w7n4tq0c3v5x9y2z6k8m1"
LISTS = {"images", "tasks", "artifacts", "loras", "text", "region"}
VARIANTS = catalog.installed().variants()


def smallest(variant: Variant) -> dict[str, Any]:
    """An input with no more than the model needs."""
    needed = {"prompt": "a red circle", "image": PICTURE, "mask": PICTURE, "task": "<OD>"}
    fields = variant.parameters.model_fields
    found = {name: needed[name] for name, field in fields.items() if field.is_required()}
    if "task" in fields:
        found["task"] = needed["task"]
    elif variant.parameters.model_fields.get("control_image"):
        found["image"] = PICTURE
    return found


def outcome(model: type[BaseModel], values: dict[str, Any]) -> Any:
    """The parsed input, or the places and types of its errors."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        return [(item["loc"], item["type"]) for item in error.errors()]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.id)
def test_a_blank_of_any_kind_is_an_absent_field(variant: Variant) -> None:
    model = variant.parameters
    given_fields = smallest(variant)
    for name in model.model_fields:
        rest = {key: value for key, value in given_fields.items() if key != name}
        absent = outcome(model, rest)
        for blank in BLANKS:
            assert outcome(model, rest | {name: blank}) == absent, (name, blank)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.id)
def test_whole_numbers_are_integers_in_any_spelling(variant: Variant) -> None:
    model = variant.parameters
    names = [name for name, field in model.model_fields.items() if takes_integers(field.annotation)]
    assert names
    for name in names:
        for number in (0, 1, 2, 4, 64, 100, 256, 1024, 10**6):
            rest = smallest(variant)
            spelled = outcome(model, rest | {name: float(number)})
            assert spelled == outcome(model, rest | {name: number}), (name, number)
            if isinstance(spelled, BaseModel):
                assert (
                    spelled.model_dump_json() == model(**rest, **{name: number}).model_dump_json()
                )


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.id)
def test_lists_have_no_blank_entries(variant: Variant) -> None:
    for name in LISTS & variant.parameters.model_fields.keys():
        for entries in ([""], [None], [" ", PICTURE], [PICTURE, "\u3000"]):
            at = next(n for n, entry in enumerate(entries) if entry != PICTURE)
            found = outcome(variant.parameters, smallest(variant) | {name: entries})
            assert found == [((name, at), "empty_entry")]


@given(st.integers(0, MAX_EXACT))
@settings(max_examples=50, deadline=None)
def test_whole_floats_keep_their_value(number: int) -> None:
    model = catalog.find("flux.1-demo").parameters
    assert model(prompt="x", seed=float(number)).model_dump()["seed"] == number


@pytest.mark.parametrize("number", [2.0**53 + 2, 1.8446744073709552e19, 1e300])
def test_a_spelling_that_is_not_exact_is_refused(number: float) -> None:
    found = outcome(catalog.find("flux.1-demo").parameters, {"prompt": "x", "seed": number})
    assert found == [(("seed",), "inexact_integer")]


@pytest.mark.parametrize("value", [True, False, 7.5, "7", "7.0", [7], float("inf"), float("nan")])
def test_what_is_no_whole_number_is_refused(value: Any) -> None:
    found = outcome(catalog.find("flux.1-demo").parameters, {"prompt": "x", "seed": value})
    assert [place for place, _ in found] == [("seed",)]


@given(
    st.text(
        alphabet=" \t\r\n\v\f\u00a0\u1680\u2000\u2009\u2028\u202f\u205f\u3000\u200b\u2060\ufeff"
    )
)
@settings(max_examples=50, deadline=None)
def test_no_mix_of_invisible_characters_is_a_prompt(text: str) -> None:
    model = catalog.find("flux.1-demo").parameters
    assert outcome(model, {"prompt": text}) == [(("prompt",), "missing")]
