"""Errors in the form that clients of FLUX's vendor read: `detail`, `error` and `message`."""

import json
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response
from starlette.types import Scope

from api.core.errors import InvalidItem, ProblemError
from api.core.surfaces import field_errors


class BflError(BaseModel):
    """An error; `detail` is a list of the invalid fields, or the same text as the others."""

    detail: str | list[InvalidItem] = Field(examples=["there is no such model"])
    error: str
    message: str


ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": BflError, "description": description}
    for status, description in {
        400: "The body cannot be read",
        402: "Neither allowance nor balance covers the price",
        403: "The key is missing or not valid, or may not do this",
        404: "There is no such endpoint or task",
        413: "The body is too large",
        415: "The body is not sent as JSON",
        422: "A field is invalid; `detail` names it",
        429: "Too many requests or tasks; `Retry-After` tells how long to wait",
        503: "A server behind this one is down or slow",
    }.items()
}
"""The errors of this surface, for its OpenAPI document."""


def respond(problem: ProblemError, _scope: Scope) -> Response:
    """Answer a problem in the vendor's form; a bad key is 403, as there."""
    fields = [*field_errors(problem)]
    content = {
        "detail": fields or problem.detail,
        "error": problem.detail,
        "message": problem.detail,
    }
    is_bad_key = problem.status == HTTPStatus.UNAUTHORIZED
    headers = {name: value for name, value in problem.headers.items() if name != "WWW-Authenticate"}
    status = HTTPStatus.FORBIDDEN if is_bad_key else problem.status
    # ASCII: the text may quote half of a surrogate pair.
    return Response(json.dumps(content), status, headers, "application/json")
