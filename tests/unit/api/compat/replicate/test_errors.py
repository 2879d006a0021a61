"""Errors in Replicate's words, and the times that its headers ask for."""

import json
from typing import Any

import pytest

from api.compat.replicate.errors import respond
from api.compat.replicate.waits import seconds_of
from api.core.domain_errors import InvalidField, InvalidSubmissionError, JobNotFoundError
from api.core.errors import ProblemError, invalid, missing_key, problem_of


def document(problem: ProblemError) -> dict[str, Any]:
    response = respond(problem, {})
    assert response.media_type == "application/problem+json"
    found: dict[str, Any] = json.loads(bytes(response.body))
    assert found["status"] == response.status_code == problem.status
    assert isinstance(found["detail"], str)
    return found


def test_fields_of_the_input_are_named_as_in_the_request() -> None:
    fields = [InvalidField(("num_outputs",), "is too many", "x"), InvalidField(("webhook",), "no")]
    found = document(problem_of(InvalidSubmissionError.of_fields(fields)))
    assert found["title"] == "Input validation failed"
    assert found["detail"] == "- input.num_outputs: is too many\n- webhook: no"
    assert found["invalid_fields"][0] == {
        "type": "x",
        "field": "input.num_outputs",
        "description": "is too many",
    }


def test_places_outside_of_the_input() -> None:
    places = [
        (["body", "webhook_events_filter", 0], "webhook_events_filter.0"),
        (["body", "input"], "input"),
        (["body", "input_images.1"], "input.input_images.1"),
        (["query", "cursor"], "query.cursor"),
        (["body"], "body"),
    ]
    for loc, field in places:
        assert document(invalid(loc, "no"))["invalid_fields"][0]["field"] == field


def test_titles() -> None:
    assert document(missing_key())["title"] == "Unauthenticated"
    assert document(problem_of(JobNotFoundError()))["title"] == "Not found"
    assert document(ProblemError(418, "x", "y"))["title"] == "I'm a Teapot"


def test_text_that_no_encoding_has() -> None:
    assert document(invalid(["body", "\ud800"], "no"))["invalid_fields"][0]["field"] == (
        "input.\ud800"
    )


@pytest.mark.parametrize(
    ("header", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5400), (" 1H ", 3600)]
)
def test_durations(header: str, seconds: float) -> None:
    assert seconds_of(header) == seconds


@pytest.mark.parametrize("header", ["", "0", "soon", "-5", "8000000", "5d", "1.5"])
def test_no_durations(header: str) -> None:
    with pytest.raises(InvalidSubmissionError) as caught:
        seconds_of(header)
    assert caught.value.fields[0].loc == ("Cancel-After",)
