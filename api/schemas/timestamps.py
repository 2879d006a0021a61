"""Times in requests: ISO 8601 alone, as a number could be seconds, milliseconds or a mistake."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


_LOST_PLUS = re.compile(r".*\d \d{2}:?\d{2}")


def _require_iso(value: Any) -> Any:
    if isinstance(value, str) and _LOST_PLUS.fullmatch(value) and "T" in value:
        raise ValueError("in a URL a + is written %2B; or give the time in UTC, with Z at its end")
    if isinstance(value, datetime) or (isinstance(value, str) and _DATE.match(value)):
        return value
    raise ValueError("should be a time in ISO 8601, such as 2026-01-31T12:00:00Z")


def _in_utc_by_default(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Timestamp = Annotated[datetime, BeforeValidator(_require_iso), AfterValidator(_in_utc_by_default)]
"""A time; without an offset it is one in UTC."""

AwareTimestamp = Annotated[AwareDatetime, BeforeValidator(_require_iso)]
"""A time with an offset."""
