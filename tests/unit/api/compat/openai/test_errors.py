"""Errors in the form of OpenAI's."""

import json
from typing import Any

import pytest

from api.compat.openai.errors import respond
from api.core.errors import ProblemError, invalid, missing_key, problem_of
from db.jobs.types import TooManyInFlightError

SCOPE = {"method": "POST", "path": "/openai/v1/responses"}


def answered(problem: ProblemError) -> tuple[int, Any, dict[str, str]]:
    response = respond(problem, SCOPE)
    return response.status_code, json.loads(bytes(response.body))["error"], dict(response.headers)


@pytest.mark.parametrize(
    ("problem", "status", "kind", "param", "code"),
    [
        (missing_key(), 401, "invalid_request_error", None, "invalid_api_key"),
        (invalid(["body", "n"], "too many"), 400, "invalid_request_error", "n", "invalid_value"),
        (
            invalid(["body", "prompt"], "is missing", "missing"),
            400,
            "invalid_request_error",
            "prompt",
            "missing_required_parameter",
        ),
        (
            invalid(["body", 17], "no JSON", "json_invalid"),
            400,
            "invalid_request_error",
            None,
            "invalid_value",
        ),
        (
            invalid(["body", "image"], "no picture", "invalid_image"),
            400,
            "invalid_request_error",
            "image",
            "invalid_image",
        ),
        (
            ProblemError(413, "body_too_large", "x"),
            413,
            "invalid_request_error",
            None,
            "body_too_large",
        ),
        (ProblemError(429, "rate_limited", "x"), 429, "requests", None, "rate_limit_exceeded"),
        (problem_of(TooManyInFlightError(3)), 429, "requests", None, "rate_limit_exceeded"),
        (ProblemError(503, "unavailable", "x"), 503, "server_error", None, "unavailable"),
    ],
)
def test_each_error_has_its_status_type_parameter_and_code(
    problem: ProblemError, status: int, kind: str, param: str | None, code: str
) -> None:
    found, error, headers = answered(problem)
    assert (found, error["type"], error["param"], error["code"]) == (status, kind, param, code)
    assert set(error) == {"message", "type", "param", "code"}
    assert "x-should-retry" not in headers


@pytest.mark.parametrize(("status", "sent"), [(402, 429), (409, 409), (500, 500), (504, 504)])
def test_an_answer_that_would_stay_the_same_is_not_asked_for_again(status: int, sent: int) -> None:
    found, _, headers = answered(ProblemError(status, "x", "x"))
    assert (found, headers["x-should-retry"]) == (sent, "false")


def test_spent_money_is_insufficient_quota() -> None:
    problem = ProblemError(402, "insufficient_credit", "the price is 5")
    _, error, _ = answered(problem)
    assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_quota")


def test_what_is_not_served_says_what_is() -> None:
    _, error, _ = answered(ProblemError(404, "not_found", "Not Found"))
    assert error["message"].startswith("POST /openai/v1/responses is not served here. Served are:")


def test_a_retry_after_is_kept() -> None:
    _, _, headers = answered(ProblemError(429, "rate_limited", "x", {"Retry-After": "3"}))
    assert headers["retry-after"] == "3"


def test_half_a_surrogate_pair_is_spelled_as_it_came() -> None:
    response = respond(invalid(["body", "\ud800"], "no \ud800"), SCOPE)
    assert json.loads(bytes(response.body))["error"]["param"] == "\ud800"
