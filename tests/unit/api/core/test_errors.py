"""Domain errors as problems."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import OperationalError

from api.core.artifact_urls import InvalidTokenError
from api.core.domain_errors import (
    DomainError,
    InvalidField,
    InvalidSubmissionError,
    JobNotFoundError,
    NotRetryableError,
    SelectionChangedError,
    TooManyFetchesError,
)
from api.core.errors import (
    KNOWN,
    MAX_ERRORS,
    ProblemError,
    invalid,
    not_found,
    problem_of,
    respond,
    validation_problem,
)
from db.billing.holds import InsufficientCreditError
from db.jobs.types import PriorityNotAllowedError, TooManyInFlightError
from db.tenants.api_keys import InvalidKeyError
from db.tenants.tenants import TenantSuspendedError
from db.values.job_state import Priority
from db.values.pictures import PictureError
from workers.catalog import UnknownVariantError


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidKeyError(), 401, "unauthorized"),
        (InvalidTokenError(), 404, "not_found"),
        (PriorityNotAllowedError(Priority.HIGH, Priority.NORMAL), 403, "forbidden"),
        (TenantSuspendedError(), 403, "suspended"),
        (TooManyInFlightError(20), 429, "too_many_in_flight"),
        (InsufficientCreditError("images", 5, datetime(2027, 1, 1, tzinfo=UTC)), 402, ""),
        (UnknownVariantError("x"), 422, "invalid_input"),
        (PictureError("damaged"), 422, "invalid_input"),
        (OperationalError("SELECT", None, Exception("secret")), 503, "unavailable"),
        (not_found("job"), 404, "not_found"),
        (JobNotFoundError(), 404, "not_found"),
        (NotRetryableError(), 409, "not_retryable"),
        (SelectionChangedError("look again"), 409, "changed"),
        (TooManyFetchesError("too many"), 503, "unavailable"),
        (InvalidSubmissionError.of_field(["input"], "is wrong"), 422, "invalid_input"),
    ],
)
def test_a_domain_error_is_a_problem(error: Exception, status: int, code: str) -> None:
    problem = problem_of(error)
    assert problem.status == status
    assert problem.code == (code or "insufficient_credit")
    assert problem.detail
    assert "secret" not in problem.detail


@pytest.mark.parametrize(
    "error",
    [
        TooManyInFlightError(20),
        TooManyFetchesError("too many"),
        OperationalError("SELECT", None, Exception()),
    ],
)
def test_what_passes_says_when_to_try_again(error: Exception) -> None:
    assert int(problem_of(error).headers["Retry-After"]) > 0


def test_spent_credit_says_when_the_allowance_resets() -> None:
    problem = problem_of(InsufficientCreditError("images", 5, datetime(2027, 1, 1, tzinfo=UTC)))
    assert problem.extra == {
        "kind": "images",
        "price_micros": 5,
        "allowance_resets_at": "2027-01-01T00:00:00Z",
    }


@pytest.mark.parametrize("kind", DomainError.__subclasses__())
def test_every_domain_error_is_in_the_table(kind: type[DomainError]) -> None:
    assert issubclass(kind, KNOWN)


def test_the_fields_of_a_refused_submission_are_places_in_the_body() -> None:
    fields = [
        InvalidField(("input", "images", n), "is no picture", "invalid_image") for n in range(4)
    ]
    problem = problem_of(InvalidSubmissionError.of_fields(fields))
    assert problem.detail == (
        "input.images.0: is no picture; input.images.1: is no picture; "
        "input.images.2: is no picture"
    )
    assert [item["loc"] for item in problem.extra["errors"]] == [
        ["body", "input", "images", n] for n in range(4)
    ]
    one = problem_of(InvalidSubmissionError.of_field(("webhook", "url"), "no", "invalid_url"))
    assert one.detail == "no"
    assert one.extra == {
        "errors": [{"loc": ["body", "webhook", "url"], "msg": "no", "type": "invalid_url"}]
    }


def test_an_unknown_error_is_raised_again() -> None:
    with pytest.raises(ZeroDivisionError):
        problem_of(ZeroDivisionError())


def test_rejected_values_are_not_told() -> None:
    items = [{"loc": ("prompt",), "msg": "bad", "type": "x", "input": "secret", "ctx": {"a": 1}}]
    problem = validation_problem(("body", "input"), items)
    assert problem.extra["errors"] == [
        {"loc": ["body", "input", "prompt"], "msg": "bad", "type": "x"}
    ]
    assert problem.detail == "input.prompt: bad"


def test_a_fault_of_the_whole_body_names_the_body() -> None:
    whole = [{"loc": ("body",), "msg": "bad", "type": "x"}]
    assert validation_problem((), whole).detail == "body: bad"
    broken = [{"loc": ("body", 17), "msg": "JSON decode error", "type": "json_invalid"}]
    assert validation_problem((), broken).detail == "body: JSON decode error"


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "é…", "\U0001f600", '"\\'])
def test_any_text_can_be_quoted_in_a_problem(text: str) -> None:
    answer = respond(invalid(["body", text], text))
    told = json.loads(bytes(answer.body).decode())
    assert told["detail"] == text
    assert told["errors"][0]["loc"] == ["body", text]
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_problem_has_the_members_of_rfc_9457() -> None:
    answer = respond(ProblemError(403, "forbidden", "no", {"X-Extra": "1"}, {"more": 2}))
    assert answer.status_code == 403
    assert answer.headers["x-extra"] == "1"
    assert json.loads(bytes(answer.body)) == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "no",
        "code": "forbidden",
        "more": 2,
    }


def test_the_first_errors_of_very_many_are_listed_and_their_number_is_told() -> None:
    items = [{"loc": ("body", f"k{n}"), "msg": "is unknown", "type": "x"} for n in range(5000)]
    fields = [InvalidField(("input", f"k{n}"), "is unknown") for n in range(5000)]
    refused = problem_of(InvalidSubmissionError.of_fields(fields))
    for problem in (validation_problem((), items), refused):
        assert len(problem.extra["errors"]) == MAX_ERRORS
        assert problem.extra["errors"][0]["loc"][-1] == "k0"
        assert problem.extra["error_count"] == 5000
        assert problem.detail.startswith("5000 errors, the first 100 are listed: ")
        assert len(bytes(respond(problem).body)) < 20_000


def test_names_as_long_as_the_request_are_cut() -> None:
    name = "k" * 1_000_000
    items = [{"loc": ("body", *[name] * 50), "msg": name, "type": "x"}] * 3
    problem = validation_problem((), items)
    assert len(problem.detail) <= 1000
    assert len(bytes(respond(problem).body)) < 40_000
    assert "error_count" not in problem.extra
