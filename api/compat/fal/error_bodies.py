"""The JSON of errors in fal's form. It knows no HTTP framework: webhooks hold it, too."""

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]


def error_body(detail: str | Sequence[Json], message: str, error_type: str) -> Json:
    """The JSON of an error.

    Args:
        detail: the reason as text, or the list of wrong fields.
        message: one sentence for people.
        error_type: a stable word.
    """
    return {"detail": detail, "message": message, "error_type": error_type}


def wrong_field(loc: Sequence[str | int], message: str, kind: str) -> Json:
    """An entry of the list of wrong fields; `loc` has strings only."""
    return {"loc": [*map(str, loc)], "msg": message, "type": kind}
