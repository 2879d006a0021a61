"""Validation of what clients send: one meaning of absent, and errors that name the wrong field."""

import math
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, ClassVar, Self, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from db.values.blank import is_absent, is_blank
from db.values.rounded import RoundedFloat

MAX_EXACT = 2**53
"""The largest number up to which every whole number has a float of its own."""


def refusal(
    field: str | tuple[str | int, ...], code: str, message: str, value: Any
) -> ValidationError:
    """An error to raise inside a validator; pydantic merges it with the model's other errors.

    Args:
        field: the parameter to change; for a list, with the index of the wrong entry.
        code: stable code for programs, the error's `type`.
        message: the rule, for people.
        value: the rejected value.
    """
    # Passed as the template itself, a message would have its braces interpreted.
    loc = (field,) if isinstance(field, str) else field
    error = PydanticCustomError(code, "{message}", {"message": message})
    return ValidationError.from_exception_data(
        "input", [InitErrorDetails(type=error, loc=loc, input=value)]
    )


def reject_nul(text: str) -> str:
    """The same text; PostgreSQL can store every character of Unicode but NUL."""
    if "\x00" in text:
        raise PydanticCustomError("nul_character", "must not contain the NUL character")
    return text


def reject_blank(text: str) -> str:
    """The same text, in which something can be seen."""
    if is_blank(text):
        raise PydanticCustomError("blank", "should not be blank")
    return text


StoredText = Annotated[str, AfterValidator(reject_nul)]
"""Text that the database can store."""


class InputModel(BaseModel):
    """Base of the models that parse what clients send, before all other checks.

    Null and blank text are as if the field were not there: templates send them for an unset
    variable. A number without a fraction is an integer, however it is spelled: JSON has no other
    integers.
    """

    keeps_null: ClassVar[bool] = False
    """True where null is a value of its own, as in a change that removes a limit."""

    @model_validator(mode="wrap")
    @classmethod
    def _without_absent(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return handler(normalised(cls, data) if isinstance(data, dict) else data)


def normalised(model: type[InputModel], data: Mapping[Any, Any]) -> dict[Any, Any]:
    """The fields that have a value, whole numbers as integers where the model has integers.

    Args:
        model: the model, by whose types the values are read.
        data: the fields as they were sent.

    Raises:
        pydantic.ValidationError: a list has an entry without a value, or a whole number is too
            large to be exact in the spelling that it has.
    """
    fields = {each.alias or name: each for name, each in model.model_fields.items()}
    fields |= model.model_fields
    return dict(_normalised(model, fields, data))


def _normalised(
    model: type[InputModel], fields: Mapping[str, FieldInfo], data: Mapping[Any, Any]
) -> Iterator[tuple[Any, Any]]:
    for name, value in data.items():
        field = fields.get(name) if isinstance(name, str) else None
        if field is None:
            yield name, value
        elif is_absent(value) and not (value is None and model.keeps_null):
            continue
        elif isinstance(value, float) and takes_integers(field.annotation):
            yield name, _whole(name, value)
        else:
            if isinstance(value, list | tuple):
                _refuse_blank_entries(name, value)
            yield name, value


def takes_integers(annotation: Any) -> bool:
    """True for the type of a field whose numbers are all whole: `int`, or `int | None`."""
    options = [_plain_type(each) for each in _options(annotation)]
    return int in options and float not in options


def _options(annotation: Any) -> tuple[Any, ...]:
    plain = _plain_type(annotation)
    return get_args(plain) if get_origin(plain) in (Union, UnionType) else (plain,)


def _plain_type(annotation: Any) -> Any:
    """A type without its annotations."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _refuse_blank_entries(name: str, entries: list[Any] | tuple[Any, ...]) -> None:
    for place, entry in enumerate(entries):
        if is_absent(entry):
            message = "is empty: give a value, or leave the entry out"
            raise refusal((name, place), "empty_entry", message, entry)


def _whole(name: str, value: float) -> int | float:
    if not math.isfinite(value) or not value.is_integer():
        return value
    if abs(value) > MAX_EXACT or isinstance(value, RoundedFloat):
        message = "is not exact in this spelling: write its digits, without a point or exponent"
        raise refusal(name, "inexact_integer", message, value)
    return int(value)
