"""The outcome that is recorded of a receiver's answer, or of its silence."""

import pytest

from db.webhooks.types import Outcome
from workers.courier.outcome import outcome_of_answer, outcome_of_error
from workers.outbound import (
    Answer,
    BadUrlError,
    BrokenAnswerError,
    RefusedAddressError,
    TimedOutError,
    UnreachableError,
    UntrustedCertificateError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadUrlError("x"), "bad_url"),
        (RefusedAddressError("x"), "refused_address"),
        (UntrustedCertificateError("x"), "untrusted_certificate"),
        (UnreachableError("x"), "unreachable"),
        (TimedOutError("x"), "timeout"),
        (BrokenAnswerError("x"), "broken_answer"),
        (RuntimeError("x"), "internal_error"),
    ],
)
def test_every_way_to_get_no_answer_has_a_code(error: Exception, code: str) -> None:
    assert outcome_of_error(error, 0.5) == Outcome(None, code, 0.5)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_2xx_is_an_acceptance(status: int) -> None:
    assert outcome_of_answer(Answer(status, {}, b""), 0.1).accepted


@pytest.mark.parametrize("status", [100, 199, 300, 302, 400, 410, 500])
def test_anything_else_is_not(status: int) -> None:
    assert not outcome_of_answer(Answer(status, {}, b""), 0.1).accepted


def test_the_receivers_wish_to_be_asked_later_is_kept() -> None:
    outcome = outcome_of_answer(Answer(429, {"retry-after": "7"}, b""), 0.1)
    assert outcome == Outcome(429, None, 0.1, 7)
