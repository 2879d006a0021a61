"""Validators of responses, compared as RFC 9110 says."""

import hashlib
import re
from collections.abc import Sequence

_TAG = re.compile(r'(?:W/)?("[!\x23-\x7e\x80-\xff]*")')
"""An entity tag; its group is the opaque part."""


def weak_etag(content: bytes) -> str:
    """A weak validator of a representation."""
    return f'W/"{hashlib.sha256(content).hexdigest()[:16]}"'


def is_current(etag: str, if_none_match: Sequence[str]) -> bool:
    """True when the client has the representation: by weak comparison, or it says `*`.

    Args:
        etag: the validator of the representation.
        if_none_match: the values of all `If-None-Match` lines.
    """
    if any(line.strip() == "*" for line in if_none_match):
        return True
    own = _TAG.fullmatch(etag)
    sent = {tag[1] for line in if_none_match for tag in _TAG.finditer(line)}
    return own is not None and own[1] in sent


def is_same(etag: str, if_range: str) -> bool:
    """True when a range may be sent: by strong comparison; a date is never strong enough."""
    return not etag.startswith("W/") and if_range.strip() == etag
