"""Validation errors that name the wrong field and read as a plain sentence."""

from typing import Annotated, Any

from pydantic import AfterValidator, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError


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


StoredText = Annotated[str, AfterValidator(reject_nul)]
"""Text that the database can store."""
