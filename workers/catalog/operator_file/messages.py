"""Sentences for keys of the wrong name, type or range."""

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from workers.catalog.operator_file.faults import Fault, Where, shown
from workers.catalog.operator_file.schema import TABLES, ModelTable

_SENTENCES = {
    "missing": "is missing",
    "int_type": "must be a whole number, not {value}",
    "int_parsing": "must be a whole number, not {value}",
    "int_from_float": "must be a whole number, not {value}",
    "float_type": "must be a number, not {value}",
    "finite_number": "must be a number, not {value}",
    "bool_type": "must be true or false, not {value}",
    "string_type": "must be text in quotes, not {value}",
    "list_type": "must be a list, such as [ … ], not {value}",
    "model_type": "must be a table, such as {{ … }}, not {value}",
    "model_attributes_type": "must be a table, such as {{ … }}, not {value}",
    "dict_type": "must be a table, such as {{ … }}, not {value}",
    "greater_than": "must be more than {gt}, not {value}",
    "greater_than_equal": "must be at least {ge}, not {value}",
    "less_than": "must be less than {lt}, not {value}",
    "less_than_equal": "must be at most {le}, not {value}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least one entry",
    "too_long": "must have at most {max_length} entries",
    "enum": "must be one of {expected}, not {value}",
}
_PATTERNS = {
    "title": "must be one line",
    "name": "must be one line",
    "url": "must be a URL that begins with https://",
    "attention": "must be a name of diffusers' attention kernels, such as native",
}


def faults_of(error: ValidationError) -> Iterator[Fault]:
    """The errors of one model's table, with keys that lead there from the table."""
    for item in error.errors(include_url=False):
        where: Where = item["loc"]
        if item["type"] == "extra_forbidden":
            yield Fault(where, _extra_key(where, item["input"]))
        else:
            yield Fault(where, sentence(item))


def _extra_key(where: Where, value: Any) -> str:
    key, known = str(where[-1]), _known_keys(where)
    is_like_none = not difflib.get_close_matches(key[:100], known, n=1)
    if len(where) == 1 and isinstance(value, dict) and is_like_none:
        return 'there is no such table; a name with dots needs quotes: [models."flux.1-schnell"]'
    return unknown_key(key, known)


def sentence(item: Any) -> str:
    """The sentence for one of pydantic's errors, but that of a key that does not exist."""
    if item["type"] == "string_pattern_mismatch":
        return _PATTERNS[str(item["loc"][-1])]
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    text = _SENTENCES.get(item["type"])
    if text is None:
        return str(item["msg"])
    return text.format(value=shown(item["input"]), **item.get("ctx", {}))


def _known_keys(where: Where) -> Iterable[str]:
    names = [part for part in where[:-1] if isinstance(part, str)]
    table = TABLES[names[-1]] if names else ModelTable
    return table.model_fields


def unknown_key(key: str, known: Iterable[str]) -> str:
    """The sentence about a key that does not exist, with the one that was meant."""
    near = difflib.get_close_matches(key[:100], known, n=1)
    if near:
        return f"there is no such key; did you mean {near[0]}?"
    return f"there is no such key; the keys here are {', '.join(known)}"
