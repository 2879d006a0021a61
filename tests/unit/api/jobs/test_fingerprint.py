"""Fingerprints: equal for equal submissions, however they are spelled."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.core.json_parser import parse
from api.jobs.fingerprint import canonical_json, fingerprint, former_fingerprint
from api.schemas.jobs import Submission


def of(text: str) -> bytes:
    return fingerprint(Submission.model_validate(parse(text.encode())))


FIRST = '{"model": "flux.1-demo", "input": {"prompt": "x", "guidance": 0, "seed": 100}}'


@pytest.mark.parametrize(
    "text",
    [
        '{"model": "flux.1-demo", "input": {"prompt": "x", "guidance": 0.0, "seed": 100}}',
        '{"model": "flux.1-demo", "input": {"prompt": "x", "guidance": -0, "seed": 1e2}}',
        '{"model": "flux.1-demo", "input": {"seed": 100.0, "guidance": -0.0, "prompt": "x"}}',
        '{"input": {"guidance": 0e5, "seed": 1000e-1, "prompt": "x"}, "model": "flux.1-demo"}',
        FIRST.replace('"seed"', '"image": null, "seed"'),
        FIRST.replace('"seed"', '"image": " ", "mask": "\\u3000", "seed"'),
        FIRST.replace('"input"', '"priority": "normal", "webhook": null, "input"'),
        FIRST.replace('"input"', '"expires_in_seconds": 8.64e4, "metadata": {}, "input"'),
        FIRST.replace('"input"', '"expires_in_seconds": "", "priority": " ", "input"'),
    ],
)
def test_equal_submissions_have_one_fingerprint(text: str) -> None:
    assert of(text) == of(FIRST)


@pytest.mark.parametrize(
    "text",
    [
        FIRST.replace("100", "101"),
        FIRST.replace("100", '"100"'),
        FIRST.replace("100", "true"),
        FIRST.replace("100", "18446744073709551615"),
        FIRST.replace('"x"', '"x "'),
        FIRST.replace('"input"', '"metadata": {"a": ""}, "input"'),
        FIRST.replace('"input"', '"metadata": {"a": "0"}, "input"'),
    ],
)
def test_other_submissions_have_another(text: str) -> None:
    assert of(text) != of(FIRST)


def test_blank_metadata_is_data() -> None:
    texts = [
        FIRST.replace('"input"', f'"metadata": {m}, "input"') for m in ('{"a": ""}', '{"a": " "}')
    ]
    assert of(texts[0]) != of(texts[1])


def test_keys_of_an_earlier_version_still_match() -> None:
    submission = Submission.model_validate(json.loads(FIRST))
    known = "6006df440d789e78e32f4d6c4a925aa67bd016e4cfbdf03a9d8e6bab90262a4b"
    assert former_fingerprint(submission).hex() == known


NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=3), each, max_size=3)
    ),
    max_leaves=8,
)


def respelled(value: Any) -> Any:
    """The same value, with integers as floats and its fields in another order."""
    if isinstance(value, dict):
        return {name: respelled(each) for name, each in reversed(value.items())}
    if isinstance(value, list):
        return [respelled(each) for each in value]
    return float(value) if type(value) is int else value


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_the_canonical_form_does_not_depend_on_the_spelling(value: Any) -> None:
    text = canonical_json(value)
    assert canonical_json(respelled(value)) == text
    assert canonical_json(json.loads(text)) == text


@given(NUMBERS, NUMBERS)
@settings(max_examples=100, deadline=None)
def test_numbers_have_one_form_if_they_are_equal(one: float, other: float) -> None:
    assert (canonical_json(one) == canonical_json(other)) == (one == other)
