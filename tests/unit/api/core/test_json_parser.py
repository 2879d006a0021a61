"""JSON that is read strictly, or leniently with what is passed over."""

import json
from typing import Any

import pytest

from api.core.json_parser import JsonError, parse, parse_leniently
from db.values.rounded import RoundedFloat
from workers import catalog

MODEL = catalog.find("flux.1-demo").parameters


def slips(text: str) -> list[str]:
    return [slip.name for slip in parse_leniently(text.encode())[1]]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"a": 1, "a": 2}', ["a"]),
        ('{"a": {"b": 1, "c": 3, "b": 2}, "d": 1, "d": 1}', ["d", "a.b"]),
        ('{"a": [{"x": 1}, {"x": 1, "x": 1}]}', ["a.1.x"]),
        ('{"a": {"b": 1, "b": 2}, "a": 1}', ["a"]),
        ('{"a": ["x", "", null, ["\u3164"]]}', ["a.1", "a.2", "a.3.0"]),
        ('{"a": null, "b": ""}', []),
        ("[]", []),
    ],
)
def test_slips_are_found_with_their_paths(text: str, names: list[str]) -> None:
    assert slips(text) == names


def test_the_last_of_equal_names_counts_leniently_and_none_strictly() -> None:
    assert parse_leniently(b'{"a": 1, "a": 2}')[0] == {"a": 2}
    with pytest.raises(JsonError) as caught:
        parse(b'{"x": [{"a": 1, "a": 2}]}')
    assert caught.value.place == ("x", 0, "a")


def test_many_names_and_deep_nesting_take_no_longer_than_others() -> None:
    names = ", ".join(f'"n{number}": {number}' for number in range(30_000))
    assert slips("{" + names + ', "n29999": 1}') == ["n29999"]
    assert slips('{"a": ' * 900 + '{"x": 1, "x": 1}' + "}" * 900) == ["a." * 900 + "x"]


@pytest.mark.parametrize(
    "digits",
    [
        *("9007199254740993.0", "9007199254740991.4", "4503599627370496.1", "9007199254740993e0"),
        *("0.99999999999999999999", "1e-999", "1e-99999999999999999999", "90071992547409930e-1"),
    ],
)
def test_a_number_that_reading_rounds_is_no_seed(digits: str) -> None:
    parsed: dict[str, Any] = parse(f'{{"prompt": "x", "seed": {digits}}}'.encode())
    assert isinstance(parsed["seed"], RoundedFloat)
    with pytest.raises(ValueError, match="without a point or exponent"):
        MODEL(**parsed)


@pytest.mark.parametrize("digits", ["9007199254740991.0", "7.0", "7e0", "70e-1", "1E3", "0.0"])
def test_whole_numbers_in_other_spellings_are_seeds(digits: str) -> None:
    parsed = parse(f'{{"prompt": "x", "seed": {digits}}}'.encode())
    assert MODEL(**parsed).model_dump()["seed"] == float(digits)


def test_a_rounded_number_is_one_where_fractions_are_taken() -> None:
    parsed = parse(b'{"prompt": "x", "guidance": 0.99999999999999999999}')
    guided = catalog.find("flux.1-dev").parameters(**parsed)
    assert json.loads(json.dumps(guided.model_dump(mode="json")))["guidance"] == 1
