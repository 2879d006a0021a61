"""A size of memory as people write it: a number with its unit."""

import math
from typing import Any

from pydantic import ByteSize, TypeAdapter, ValidationError

_BYTES: TypeAdapter[ByteSize] = TypeAdapter(ByteSize)


def parse_memory(value: Any) -> int:
    """The bytes of a size such as "24GB" or "24GiB".

    Raises:
        ValueError: it has no unit, is no size, or is not above zero; the message is a sentence.
    """
    text = str(value).strip()
    if _is_number(text):
        raise ValueError(f"{text} has no unit; write {text}GB")
    try:
        size = int(_BYTES.validate_python(text))
    except (ValidationError, OverflowError) as error:
        raise ValueError(f"{text!r} is no size; write 24GB or 24GiB") from error
    if size <= 0:
        raise ValueError(f"{text} is no memory; write 24GB or 24GiB")
    return size


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
