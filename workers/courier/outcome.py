"""From what a receiver answered, or did not, to the outcome that is recorded."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

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

# The more special one first.
_CODES: dict[type[OutboundError], str] = {
    BadUrlError: "bad_url",
    RefusedAddressError: "refused_address",
    UntrustedCertificateError: "untrusted_certificate",
    UnreachableError: "unreachable",
    TimedOutError: "timeout",
    BrokenAnswerError: "broken_answer",
}
_MAX_DIGITS = 9


def answered(answer: Answer, seconds: float) -> Outcome:
    """The outcome where there is a status."""
    retry_after = retry_after_seconds(answer.headers.get("retry-after", ""), datetime.now(UTC))
    return Outcome(answer.status, None, seconds, retry_after)


def unanswered(error: Exception, seconds: float) -> Outcome:
    """The outcome where there is none: a stable code that quotes nothing of the URL."""
    code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), None)
    return Outcome(None, code or "internal_error", seconds)


def retry_after_seconds(value: str, now: datetime) -> float | None:
    """A `Retry-After` header, in seconds or as a date, as seconds from now; None for any other.

    "120" is 120; a date in the past is 0.
    """
    value = value.strip()
    if value.isdecimal():
        return float(value[:_MAX_DIGITS])
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:  # "-0000": the time is UTC
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
