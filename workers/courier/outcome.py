"""From what a receiver answered, or did not, to the outcome that is recorded."""

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

# The more special one first.
_CODES: dict[type[OutboundError], str] = {
    BadUrlError: "bad_url",
    RefusedAddressError: "refused_address",
    UntrustedCertificateError: "untrusted_certificate",
    UnreachableError: "unreachable",
    TimedOutError: "timeout",
    BrokenAnswerError: "broken_answer",
}


def answered(answer: Answer, seconds: float) -> Outcome:
    """The outcome where there is a status."""
    retry_after = retry_after_seconds(answer.headers.get("retry-after", ""), datetime.now(UTC))
    return Outcome(answer.status, None, seconds, retry_after)


def unanswered(error: Exception, seconds: float) -> Outcome:
    """The outcome where there is none: a stable code that quotes nothing of the URL."""
    code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), None)
    return Outcome(None, code or "internal_error", seconds)
