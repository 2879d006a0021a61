"""JSON from outside: text of limited depth."""

from typing import Any

from pydantic_core import from_json

MAX_DEPTH = 200
"""The deepest nesting that pydantic's parser takes; ours is never deeper than ten."""


def parse_json(text: str | bytes) -> Any:
    """Parse JSON that another program wrote.

    The standard library's parser raises RecursionError for deep nesting, which is no ValueError,
    and at a depth that depends on its caller.

    Raises:
        ValueError: it is not valid JSON, or nested deeper than `MAX_DEPTH`.
    """
    return from_json(text, allow_inf_nan=False)
