"""What a receiver's answer, or silence, is recorded as."""

from datetime import UTC, datetime

import pytest

from db.webhooks.types import Outcome
from workers.courier.outcome import answered, retry_after_seconds, unanswered
from workers.outbound import (
    Answer,
    BadUrlError,
    BrokenAnswerError,
    RefusedAddressError,
    TimedOutError,
    UnreachableError,
    UntrustedCertificateError,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("9" * 5000, 999_999_999),
        ("Mon, 23 Nov 2026 12:01:00 GMT", 60),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0),
        ("Mon, 23 Nov 2026 12:00:10 -0000", 10),
        ("Mon, 23 Nov 2026 13:00:10 +0100", 10),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("Mon, 99 Nov 2026 12:01:00 GMT", None),
        ("Mon, 23 Nov 99999999999 12:01:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(value: str, seconds: float | None) -> None:
    assert retry_after_seconds(value, NOON) == seconds


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
