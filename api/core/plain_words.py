"""Messages of pydantic in words of JSON: a client may not know Python's."""

from collections.abc import Mapping
from typing import Any

_WORDS: Mapping[str, str] = {
    "tuple_type": "Input should be a list",
    "list_type": "Input should be a list",
    "set_type": "Input should be a list",
    "dict_type": "Input should be an object",
    "mapping_type": "Input should be an object",
    "model_type": "Input should be an object",
    "model_attributes_type": "Input should be an object",
    "none_required": "Input should be null",
    "bool_type": "Input should be true or false",
    "bool_parsing": "Input should be true or false",
}


def message_of(error: Mapping[str, Any]) -> str:
    """The message of one of pydantic's errors, as `ValidationError.errors` lists them."""
    kind: str = error["type"]
    if (words := _WORDS.get(kind)) is not None:
        return words
    limits: Mapping[str, Any] = error.get("ctx") or {}
    if kind == "too_long" and "max_length" in limits:
        count = limits.get("actual_length")
        return f"takes {entries(limits['max_length'])} at most" + (f", not {count}" * bool(count))
    if kind == "too_short" and "min_length" in limits:
        return f"takes {entries(limits['min_length'])} at least"
    message: str = error["msg"]
    return message


def entries(count: int) -> str:
    """A number of entries of a list: "1 entry", "2 entries"."""
    return f"{count} entry" if count == 1 else f"{count} entries"
