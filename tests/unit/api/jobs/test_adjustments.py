"""Sizes that are painted in another way are told, by the field that gave them."""

from typing import Any

import pytest

from api.jobs.adjustments import in_words_of, size_adjustments
from workers.catalog import find

SIZES = {"image": [(1700, 1600)]}


def told(asked: dict[str, Any], sizes: Any = (), names: Any = ()) -> list[tuple[str, str]]:
    """The fields and messages of the warnings about a job of flux.1-demo."""
    variant = find("flux.1-demo")
    parsed = variant.parameters.model_validate({"prompt": "a star", **asked})
    resolved = variant.resolve_sizes(parsed, dict(sizes))
    warnings = in_words_of(dict(names), size_adjustments(asked, resolved, dict(sizes)))
    assert {each.code for each in warnings} <= {"parameter_adjusted"}
    return [(each.parameter, each.message) for each in warnings]


def test_a_rounded_size_is_told_once_by_each_field() -> None:
    asked = {"width": 100, "height": 96}
    assert told(asked) == [("width", "width: 100 x 96 is painted as 96 x 96")]
    names = {"width": "size", "height": "size"}
    both = {"width": 100, "height": 100}
    assert told(both, names=names) == [("size", "size: 100 x 100 is painted as 96 x 96")]


@pytest.mark.parametrize("asked", [{}, {"width": 128, "height": 0}, {"aspect_ratio": "16:9"}])
def test_what_was_not_asked_for_is_not_told(asked: dict[str, Any]) -> None:
    assert told(asked) == []


def test_a_picture_that_is_too_large_is_told() -> None:
    [(name, message)] = told({"image": "file_a"}, SIZES, {"image": "input_image"})
    assert name == "input_image"
    assert message.startswith("input_image: a picture of 1700 x 1600 is painted as ")
    assert told({"image": "file_a"}, {"image": [(130, 129)]}) == []
