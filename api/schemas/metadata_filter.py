"""The filter of lists by entries of jobs' metadata: `metadata=name=value`, for each entry once."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api.schemas.jobs import ShortText

_MAX_PAIRS = 8

_Pair = Annotated[ShortText, StringConstraints(pattern=r"^[^=]+=")]


def metadata_of(pairs: Sequence[str]) -> Mapping[str, str]:
    """The entries that a job's metadata must have."""
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def _check_names(pairs: list[str]) -> list[str]:
    if len(metadata_of(pairs)) < len(pairs):
        message = "name each entry once: a job has one value of it"
        raise PydanticCustomError("repeated_entry", message)
    return pairs


MetadataPairs = Annotated[
    list[_Pair],
    AfterValidator(_check_names),
    Field(max_length=_MAX_PAIRS, description="`name=value`; repeatable, all must match"),
]
"""The parameter; a name ends at the first `=`."""
