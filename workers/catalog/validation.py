"""Refusals of parameters that name the field at fault and read as a plain sentence."""

from typing import Annotated, Any

from pydantic import AfterValidator, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError


def refusal(
    field: str | tuple[str | int, ...], code: str, message: str, value: Any
) -> ValidationError:
    """An error to raise inside a validator; pydantic merges it with the model's other errors.

    Args:
        field: the parameter the caller should change, with the place in it where it is a list.
        code: stable machine word, the error's `type`.
        message: what the rule is, for people.
        value: what was given.
    """
    # A message passed as a template would have its braces interpreted.
    loc = (field,) if isinstance(field, str) else field
    error = PydanticCustomError(code, "{message}", {"message": message})
    return ValidationError.from_exception_data(
        "input", [InitErrorDetails(type=error, loc=loc, input=value)]
    )


def _without_nul(text: str) -> str:
    # PostgreSQL can store every character of Unicode but this one.
    if "\x00" in text:
        raise PydanticCustomError("nul_character", "must not contain the NUL character")
    return text


StoredText = Annotated[str, AfterValidator(_without_nul)]
"""Text that the database can hold."""
