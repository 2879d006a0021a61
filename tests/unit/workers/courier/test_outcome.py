"""What a receiver's answer, or silence, is recorded as."""

import pytest

from db.webhooks.types import Outcome
from workers.courier.outcome import answered, unanswered
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
    assert unanswered(error, 0.5) == Outcome(None, code, 0.5)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_2xx_is_an_acceptance(status: int) -> None:
    assert answered(Answer(status, {}, b""), 0.1).accepted


@pytest.mark.parametrize("status", [100, 199, 300, 302, 400, 410, 500])
def test_anything_else_is_not(status: int) -> None:
    assert not answered(Answer(status, {}, b""), 0.1).accepted


def test_the_receivers_wish_to_be_asked_later_is_kept() -> None:
    outcome = answered(Answer(429, {"retry-after": "7"}, b""), 0.1)
    assert outcome == Outcome(429, None, 0.1, 7)
