"""The `Retry-After` header of a response."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_MAX_DIGITS = 9


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
