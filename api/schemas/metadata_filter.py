r"""The filter of lists by entries of jobs' metadata: `metadata=name=value`, for each entry once.

The name ends at the first `=`. One in the name itself is written `\=`, and a backslash `\\`; the
value is taken as it is. So every entry that a submission may store can be named.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api.schemas.jobs import MAX_SHORT_TEXT
from workers.catalog.validation import reject_nul

_MAX_PAIRS = 8
_MAX_PAIR = 3 * MAX_SHORT_TEXT + 1
"""Characters of a name that is escaped throughout, the sign, and a value."""

_ENTRY = re.compile(r"((?:\\[=\\]|[^=\\]|\\(?![=\\]))*)=(.*)", re.DOTALL)
_ESCAPED = re.compile(r"\\([=\\])")


def metadata_of(pairs: Sequence[str]) -> Mapping[str, str]:
    """The entries that a job's metadata must have."""
    return dict(map(_entry, pairs))


def _entry(pair: str) -> tuple[str, str]:
    if (match := _ENTRY.fullmatch(pair)) is None:
        message = "write name=value, with \\= for an equals sign in the name"
        raise PydanticCustomError("invalid_entry", message)
    name, value = _ESCAPED.sub(r"\1", match[1]), match[2]
    if max(len(name), len(value)) > MAX_SHORT_TEXT:
        message = "a name and a value have at most {most} characters each"
        raise PydanticCustomError("entry_too_long", message, {"most": MAX_SHORT_TEXT})
    return name, value


def _check_pair(pair: str) -> str:
    _entry(pair)
    return reject_nul(pair)


def _check_names(pairs: list[str]) -> list[str]:
    if len(metadata_of(pairs)) < len(pairs):
        message = "name each entry once: a job has one value of it"
        raise PydanticCustomError("repeated_entry", message)
    return pairs


_Pair = Annotated[
    str, StringConstraints(max_length=_MAX_PAIR, pattern="="), AfterValidator(_check_pair)
]

MetadataPairs = Annotated[
    list[_Pair],
    AfterValidator(_check_names),
    Field(
        max_length=_MAX_PAIRS,
        description="`name=value`; repeatable, all must match. In a name, `=` is written `\\=` "
        "and a backslash `\\\\`",
    ),
]
"""The parameter; a name ends at the first `=` that is not escaped."""
