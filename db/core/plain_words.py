"""Sentences for pydantic's errors: they say what to send, in words of JSON instead of Python's."""

import math
from collections.abc import Callable, Mapping
from typing import Any

Error = Mapping[str, Any]
"""One of pydantic's errors, as `ValidationError.errors` lists them."""

_MOMENT = "should be a time in ISO 8601, such as 2026-01-31T12:00:00Z"
_OBJECT = 'should be an object: {{"name": value, …}}'
_LIST = "should be a list: [value, …]"
_NUMBER = "should be a number"
_URL = "should be a URL, such as https://example.org/a"
_UUID = "should be a UUID, such as 6f1c9a52-3c0e-4d8e-9a76-0e6d2f1b8c44"

FORMS: Mapping[str, str] = {
    r"^([1-9][0-9]?):([1-9][0-9]?)$": "should be two whole numbers from 1 to 99 with a colon "
    "between them, such as 16:9",
    r"^(auto|[1-9][0-9]{1,4}x[1-9][0-9]{1,4})$": "should be auto, or width and height in pixels, "
    "such as 1024x768",
    r"^[!-~]+$": "should be of ASCII letters, digits and signs, without spaces, such as a UUID",
    "=": "should be name=value",
    r"^file_[0-9a-z]{26}$": "should be the id of a file: file_ and 26 letters and digits",
    r"^\d{1,4}\.(png|jpg|jpeg|webp|json)$": "should be a number and an ending, such as 0.png",
    r"^[^\n\r]*$": "should be one line",
    r"^https?://\S+$": "should be a URL that begins with https://",
    r"^[a-z0-9_]{1,40}$": "should be of small letters, digits and _",
}
"""Sentences for the patterns of fields."""


def _missing(error: Error) -> str:
    place = [part for part in error.get("loc", ()) if isinstance(part, str)]
    if not place or place == ["body"]:
        return "send a JSON object"
    article = "an" if place[-1][:1].lower() in "aeio" else "a"
    return f"give {article} {place[-1]}"


def _too_short(error: Error) -> str:
    return f"takes {entries(error['ctx']['min_length'])} at least"


def _too_long(error: Error) -> str:
    limits = error["ctx"]
    count = limits.get("actual_length")
    return f"takes {entries(limits['max_length'])} at most" + (f", not {count}" * bool(count))


def _empty_or_short(error: Error) -> str:
    least = error["ctx"]["min_length"]
    return "should not be empty" if least == 1 else f"should have at least {least} characters"


def _of_form(error: Error) -> str:
    return FORMS.get(error["ctx"]["pattern"], "should be of the form that its schema shows")


def _one_of(error: Error) -> str:
    return f"should be {str(error['ctx']['expected']).replace(chr(39), '')}"


def _own(error: Error) -> str:
    """The sentence of a check of ours, which raised ValueError."""
    return str(error["ctx"]["error"])


def _without_quotes(sentence: str) -> Callable[[Error], str]:
    """A sentence that says that a number or a word of JSON has no quotes, where it was sent so."""

    def say(error: Error) -> str:
        return f"{sentence}, without quotes" if isinstance(error.get("input"), str) else sentence

    return say


def _whole(error: Error) -> str:
    if isinstance(error.get("input"), float):
        return "should be a whole number, without a fraction"
    return _without_quotes("should be a whole number")(error)


def _finite(error: Error) -> str:
    value = error.get("input")
    is_infinite = isinstance(value, float) and not math.isfinite(value)
    return "should be a finite number" if is_infinite else _NUMBER


SENTENCES: Mapping[str, str | Callable[[Error], str]] = {
    "json_invalid": _own,
    "recursion_depth_exceeded": "is nested too deeply",
    "missing": _missing,
    "extra_forbidden": "there is no such field; leave it out",
    "invalid_key": "should have names that are text",
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "none_required": "should be null",
    "greater_than": "should be more than {gt}",
    "greater_than_equal": "should be at least {ge}",
    "less_than": "should be less than {lt}",
    "less_than_equal": "should be at most {le}",
    "multiple_of": "should be a multiple of {multiple_of}",
    "finite_number": _finite,
    "too_short": _too_short,
    "too_long": _too_long,
    "string_type": "should be text",
    "string_unicode": "holds half of a surrogate pair, which is no text",
    "string_too_short": _empty_or_short,
    "string_too_long": "should have at most {max_length} characters",
    "string_pattern_mismatch": _of_form,
    "string_not_ascii": "should be of ASCII characters alone",
    "enum": _one_of,
    "literal_error": _one_of,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "iterable_type": _LIST,
    "set_item_not_hashable": "should be a list of plain values",
    "bool_type": _without_quotes("should be true or false"),
    "bool_parsing": "should be true or false",
    "int_type": _whole,
    "int_parsing": "should be a whole number",
    "int_parsing_size": "should be a whole number of fewer digits",
    "int_from_float": "should be a whole number, without a fraction",
    "float_type": _without_quotes(_NUMBER),
    "float_parsing": _NUMBER,
    "value_error": _own,
    "assertion_error": _own,
    "date_type": "should be a date, such as 2026-01-31",
    "date_parsing": "should be a date, such as 2026-01-31",
    "date_from_datetime_parsing": "should be a date, such as 2026-01-31",
    "date_from_datetime_inexact": "should be a date without a time of day",
    "date_past": "should be a date in the past",
    "date_future": "should be a date in the future",
    "time_type": "should be a time of day, such as 12:00:00",
    "time_parsing": "should be a time of day, such as 12:00:00",
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_object_invalid": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "datetime_past": "should be a time in the past",
    "datetime_future": "should be a time in the future",
    "timezone_naive": "should be a time without an offset",
    "timezone_aware": "should be a time with an offset, or with Z for UTC",
    "timezone_offset": "should be a time with another offset",
    "time_delta_type": "should be a number of seconds",
    "time_delta_parsing": "should be a number of seconds",
    "union_tag_invalid": "should name one of the kinds that its schema shows",
    "union_tag_not_found": "should name its kind, as its schema shows",
    "url_type": _URL,
    "url_parsing": _URL,
    "url_syntax_violation": _URL,
    "url_too_long": "should have at most {max_length} characters",
    "url_scheme": "should begin with another scheme, such as https:",
    "uuid_type": _UUID,
    "uuid_parsing": _UUID,
    "uuid_version": _UUID,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "decimal_max_digits": "should have at most {max_digits} digits",
    "decimal_max_places": "should have at most {decimal_places} digits behind the point",
    "decimal_whole_digits": "should have at most {whole_digits} digits before the point",
    "fraction_type": _NUMBER,
    "fraction_parsing": _NUMBER,
}
"""By pydantic's types of errors."""

_OF_PYTHON = "it is about Python's objects, and requests and settings hold none"
_OF_CALLS = "it is about the arguments of a call, and no call is validated"
_OF_BYTES = "no field is of bytes"

UNUSED: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *("no_such_attribute", "needs_python_object", "recursion_loop", "get_attribute_error"),
            *("frozen_field", "frozen_instance", "iteration_error", "is_instance_of"),
            *("is_subclass_of", "callable_type", "dataclass_type", "dataclass_exact_type"),
            *("named_tuple_type", "frozen_dict_type", "ordered_dict_type", "counter_type"),
            *("deque_type", "complex_type", "complex_str_parsing"),
            *("missing_sentinel_error", "ellipsis_error"),
        ),
        _OF_PYTHON,
    ),
    **dict.fromkeys(
        (
            *("arguments_type", "missing_argument", "unexpected_keyword_argument"),
            *("missing_keyword_only_argument", "unexpected_positional_argument"),
            *("missing_positional_only_argument", "multiple_argument_values"),
        ),
        _OF_CALLS,
    ),
    **dict.fromkeys(
        ("bytes_type", "bytes_too_short", "bytes_too_long", "bytes_invalid_encoding"), _OF_BYTES
    ),
    "json_type": "JSON is parsed before it is validated",
    "default_factory_not_called": "no default is made from other fields",
}
"""The other types, each with the reason for which it needs no sentence."""


def message_of(error: Error) -> str:
    """The sentence for an error; one of our own checks has its sentence already."""
    facts: Mapping[str, Any] = error.get("ctx") or {}
    own: str = facts.get("message") or error.get("msg", "")
    if error["type"] in UNUSED:
        return "cannot be read"
    sentence = SENTENCES.get(error["type"])
    if sentence is None or "message" in facts:
        return own
    try:
        if callable(sentence):
            return sentence(error)
        return sentence.format(**{name: _shown(each) for name, each in facts.items()})
    except KeyError:  # an error of our own under a type of pydantic's
        return own


def _shown(value: Any) -> Any:
    """A limit without the `.0` that a whole float has."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def entries(count: int) -> str:
    """A number of entries of a list: "1 entry", "2 entries"."""
    return f"{count} entry" if count == 1 else f"{count} entries"
