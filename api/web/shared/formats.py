"""Text formats of numbers, amounts, times and ids."""

from datetime import UTC, datetime

_MICROS = 1_000_000
_CENT_MICROS = 10_000
_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB")
_THOUSAND = 1000
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400

NONE = "\N{EN DASH}"
"""The text for a missing value."""


def money(micros: int | None) -> str:
    """Micro-USD as dollars: with cents, and with more digits only where the amount needs them."""
    if micros is None:
        return NONE
    sign = "\N{MINUS SIGN}" if micros < 0 else ""
    dollars, rest = divmod(abs(micros), _MICROS)
    if rest % _CENT_MICROS == 0:
        return f"{sign}${dollars:,}.{rest // _CENT_MICROS:02d}"
    return f"{sign}${dollars:,}." + f"{rest:06d}".rstrip("0")


def duration(seconds: float | None) -> str:
    """Seconds, rounded for reading: `0.42 s`, `12 s`, `3 min`, `2 h 5 min`, `4 d`."""
    if seconds is None:
        return NONE
    seconds = max(0.0, seconds)
    if seconds < 9.95:  # noqa: PLR2004 - larger values round to two digits before the point
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    if round(seconds) < 100:  # noqa: PLR2004 - below this, seconds read well
        return f"{round(seconds)} s"
    if seconds < _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    if seconds < _DAY:
        hours, minutes = divmod(round(seconds / _MINUTE), 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{round(seconds / _DAY)} d"


def count(number: int | None) -> str:
    """A whole number with a separator between thousands."""
    return NONE if number is None else f"{number:,}"


def rate(per_minute: float | None) -> str:
    """Jobs per minute, or per hour where there are few."""
    if not per_minute:
        return NONE if per_minute is None else "0"
    if per_minute < 1:
        return f"{max(1, round(per_minute * 60))}/h"
    return f"{per_minute:.1f}/min" if per_minute < 100 else f"{per_minute:,.0f}/min"  # noqa: PLR2004


def size(amount_bytes: int | None) -> str:
    """Bytes in the largest decimal unit that leaves a number of at least 1."""
    if amount_bytes is None:
        return NONE
    value = float(amount_bytes)
    for unit in _BYTE_UNITS:
        if value < _THOUSAND or unit == _BYTE_UNITS[-1]:
            break
        value /= _THOUSAND
    return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"  # noqa: PLR2004


def moment(when: datetime | None) -> str:
    """A time in UTC, to the second."""
    return NONE if when is None else when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def ago(when: datetime | None) -> str:
    """The time since a moment: `3 min ago`."""
    if when is None:
        return NONE
    return f"{duration((datetime.now(UTC) - when).total_seconds())} ago"


def plural(number: int, one: str, many: str = "") -> str:
    """A number with its noun: `1 job`, `2 jobs`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def short_id(text: str) -> str:
    """An id as its prefix and its last digits, which are random; any other name is unchanged."""
    kind, _, digits = text.rpartition("_")
    return f"{kind}_…{digits[-8:]}" if kind and len(digits) > 10 else text  # noqa: PLR2004
