"""The playground's hints for errors."""

import re
from pathlib import Path

from api.core.errors import ProblemError, invalid
from api.web.playground.error_hints import FieldError, field_errors, job_hint, request_hint

ARCHITECTURE = Path(__file__).parents[5] / "ARCHITECTURE.md"


def test_every_error_code_of_a_job_has_its_own_hint() -> None:
    table = (
        ARCHITECTURE.read_text().partition("| outcome | billed | code |")[2].partition("\n\n")[0]
    )
    codes = set(re.findall(r"`(\w+)`", table)) - {"invalid_input", "canceled", "expired"}
    assert len(codes) >= 12
    hints = {code: job_hint(code) for code in codes}
    generic = {code for code, text in hints.items() if text == job_hint("unknown")}
    assert generic == {"internal_error"} | (generic & {"worker_lost"})


def test_an_error_names_its_field_in_words() -> None:
    problem = invalid(["body", "input", "num_images"], "should be at most 4")
    assert field_errors(problem) == [FieldError("num images", "should be at most 4")]
    in_list = invalid(["body", "input", "images", 2], "is too small")
    assert field_errors(in_list) == [FieldError("images", "is too small")]
    whole = invalid(["body", "input"], "holds half of a surrogate pair")
    assert field_errors(whole) == [FieldError("", "holds half of a surrogate pair")]


def test_an_error_without_a_field_is_shown_unchanged_and_with_a_hint() -> None:
    problem = ProblemError(402, "insufficient_credit", "it costs more than is left")
    assert field_errors(problem) == [FieldError("", "it costs more than is left")]
    assert "credit" in request_hint(problem)
    assert request_hint(ProblemError(418, "teapot", "short and stout")) == ""
