"""What the playground tells whoever meets an error."""

import re
from pathlib import Path

from api.core.errors import ProblemError, invalid
from api.web.playground.error_hints import Fault, about_job, about_request, faults_of

ARCHITECTURE = Path(__file__).parents[5] / "ARCHITECTURE.md"


def test_every_way_a_job_can_fail_has_advice_of_its_own() -> None:
    table = (
        ARCHITECTURE.read_text().partition("| outcome | billed | code |")[2].partition("\n\n")[0]
    )
    codes = set(re.findall(r"`(\w+)`", table)) - {"invalid_input", "canceled", "expired"}
    assert len(codes) >= 12
    told = {code: about_job(code) for code in codes}
    generic = {code for code, text in told.items() if text == about_job("unheard of")}
    assert generic == {"internal_error"} | (generic & {"worker_lost"})


def test_a_fault_names_the_field_in_words() -> None:
    problem = invalid(["body", "input", "num_images"], "should be at most 4")
    assert faults_of(problem) == [Fault("num images", "should be at most 4")]
    listed = invalid(["body", "input", "images", 2], "is too small")
    assert faults_of(listed) == [Fault("images", "is too small")]
    whole = invalid(["body", "input"], "holds half of a surrogate pair")
    assert faults_of(whole) == [Fault("", "holds half of a surrogate pair")]


def test_a_refusal_without_a_field_is_told_as_it_is_with_what_to_do() -> None:
    problem = ProblemError(402, "insufficient_credit", "it costs more than is left")
    assert faults_of(problem) == [Fault("", "it costs more than is left")]
    assert "credit" in about_request(problem)
    assert about_request(ProblemError(418, "teapot", "short and stout")) == ""
