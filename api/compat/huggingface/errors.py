"""Errors in the form that clients of Hugging Face's inference read: `error`, a text."""

import json
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from api.core.errors import ProblemError

JAVASCRIPT = "@huggingface/inference"
"""The name of the JavaScript client in `User-Agent`."""


class HuggingFaceError(BaseModel):
    """An error, as a text that names the field, the model or the task."""

    error: str = Field(examples=["width: should be at least 64"])


ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": HuggingFaceError, "description": description}
    for status, description in {
        400: "The body cannot be read, or the request was moderated",
        401: "The key is missing or not valid",
        402: "Neither allowance nor balance covers the price",
        403: "The key may not do this, or its tenant is suspended",
        404: "There is no such model, or it lacks the task",
        413: "The body is too large",
        415: "The body has a `Content-Encoding`",
        422: "An input or a parameter is invalid",
        429: "Too many requests or jobs; `Retry-After` tells how long to wait",
        500: "The job failed",
        503: "A server behind this one is down or slow",
        504: "The job did not start or end in time",
    }.items()
}
"""The errors of this surface, for its OpenAPI document."""


def is_javascript(scope: Scope) -> bool:
    """True for a request of the JavaScript client."""
    return JAVASCRIPT in Headers(scope=scope).get("user-agent", "")


def respond(problem: ProblemError, scope: Scope) -> Response:
    """Answer a problem in the form of Hugging Face.

    The JavaScript client repeats a request at once and without end after a 503: it gets 500.
    """
    is_repeated = problem.status == HTTPStatus.SERVICE_UNAVAILABLE and is_javascript(scope)
    status = HTTPStatus.INTERNAL_SERVER_ERROR if is_repeated else problem.status
    # ASCII: the text may quote half of a surrogate pair.
    content = json.dumps({"error": problem.detail})
    return Response(content, status, dict(problem.headers), "application/json")
