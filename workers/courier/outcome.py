"""The outcome that is recorded of an attempt: the receiver's answer, or an error code."""

from datetime import UTC, datetime

from db.webhooks.types import Outcome
from workers.outbound import (
    Answer,
    BadUrlError,
    BrokenAnswerError,
    OutboundError,
    RefusedAddressError,
    TimedOutError,
    UnreachableError,
    UntrustedCertificateError,
)
from workers.outbound.retry_after import retry_after_seconds

# Subclasses before their base classes.
_CODES: dict[type[OutboundError], str] = {
    BadUrlError: "bad_url",
    RefusedAddressError: "refused_address",
    UntrustedCertificateError: "untrusted_certificate",
    UnreachableError: "unreachable",
    TimedOutError: "timeout",
    BrokenAnswerError: "broken_answer",
}


def outcome_of_answer(answer: Answer, seconds: float) -> Outcome:
    """The outcome of an attempt that the receiver answered."""
    retry_after = retry_after_seconds(answer.headers.get("retry-after", ""), datetime.now(UTC))
    return Outcome(answer.status, None, seconds, retry_after)


def outcome_of_error(error: Exception, seconds: float) -> Outcome:
    """The outcome without an answer: a stable code that quotes nothing of the URL."""
    code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), None)
    return Outcome(None, code or "internal_error", seconds)
