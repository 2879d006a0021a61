"""Ranges of bytes that a client asks for (RFC 9110)."""

import re

_RANGE = re.compile(r"bytes\s*=\s*(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))\s*", re.IGNORECASE)


class UnsatisfiableRangeError(Exception):
    """The range has no byte of the representation."""


def byte_range(header: str, size: int) -> range | None:
    """The bytes of a `Range` header; None for one that is ignored, such as of several ranges.

    Raises:
        UnsatisfiableRangeError: the range begins behind the end.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        found = range(max(0, size - int(suffix)), size)
    elif last and int(last) < int(first):
        return None
    else:
        found = range(int(first), min(int(last) + 1, size) if last else size)
    if not found:
        raise UnsatisfiableRangeError
    return found
