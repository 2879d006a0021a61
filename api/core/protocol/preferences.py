"""Preferences of a request: `Prefer` (RFC 7240)."""

import re
from collections.abc import Mapping, Sequence

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the grammar's word
_PREFERENCE = re.compile(
    rf'\s*({_TOKEN})(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))?)?\s*(?:;.*)?', re.DOTALL
)
_PARTS = re.compile(r'(?:"(?:[^"\\]|\\.)*"?|[^,])+')
_SECONDS = re.compile(r"[0-9]+", re.ASCII)


def preferences(lines: Sequence[str]) -> Mapping[str, str]:
    """The preferences of all lines by their names in lower case; of equal names the first holds.

    A preference without a value has an empty one. Its parameters are left out, and so is what
    does not follow the grammar: a server ignores a preference that it does not know.
    """
    found: dict[str, str] = {}
    for part in _PARTS.findall(",".join(lines)):
        if (match := _PREFERENCE.fullmatch(part)) is not None:
            quoted = re.sub(r"\\(.)", r"\1", match[2] or "")
            found.setdefault(match[1].lower(), quoted or match[3] or "")
    return found


def preferred_wait(lines: Sequence[str], *, longest: float) -> float:
    """Seconds to wait by `Prefer`: at most `longest`, which `wait` without a number means.

    It is 0 without a `wait`, and with one that is no number of seconds.
    """
    wait = preferences(lines).get("wait")
    if wait is None:
        return 0.0
    if not wait:
        return longest
    return min(float(wait), longest) if _SECONDS.fullmatch(wait) else 0.0
