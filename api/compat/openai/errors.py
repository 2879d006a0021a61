"""Errors as OpenAI's clients read them: `{"error": {message, type, param, code}}`."""

import json
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from api.core.errors import ProblemError
from api.core.surfaces import field_errors

SERVED = (
    "GET /models, POST /images/generations, POST /images/edits, POST /chat/completions for looking "
    "at a picture, and /files"
)

NO_RETRY: dict[str, str] = {"x-should-retry": "false"}
"""The header by which the clients do not send a request again, whatever its status."""

_UNPROCESSABLE = 422
_TOO_MANY = 429
_FAILED = 500
_FINAL = {402: 429, 409: 409, 500: 500, 504: 504}
"""Statuses after which the request is not to be sent again, as they are sent.

Its answer would stay the same, or its job may have been paid for.
"""

_MISSING = ("missing", "string_too_short")
_OWN_WORDS = ("invalid_image", "invalid_lora", "invalid_url", "too_long", "unknown_task")
_CODES = {
    "unauthorized": "invalid_api_key",
    "insufficient_credit": "insufficient_quota",
    "rate_limited": "rate_limit_exceeded",
    "too_many_in_flight": "rate_limit_exceeded",
    "too_many_streams": "rate_limit_exceeded",
    "too_many_bodies": "rate_limit_exceeded",
    "too_many_wrong_keys": "rate_limit_exceeded",
}
_PARAMETERS = {"model_not_found": "model", "model_not_in_tier": "model"}


class ErrorObject(BaseModel):
    """An error: `code` is stable, `message` is for people, `param` is the field that it is of."""

    message: str = Field(examples=["n: should be at most 10"])
    type: str = Field(examples=["invalid_request_error"])
    param: str | None = Field(examples=["n"])
    code: str | None = Field(examples=["invalid_value"])


class ErrorBody(BaseModel):
    """The body of every answer that is an error."""

    error: ErrorObject


class _ErrorResponse(JSONResponse):
    """An error as JSON, even where it quotes text that no Unicode encoding can represent."""

    def render(self, content: Any) -> bytes:
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace")


def respond(problem: ProblemError, scope: Scope) -> Response:
    """The response to a request that failed."""
    status = _FINAL.get(problem.status, 400 if problem.status == _UNPROCESSABLE else problem.status)
    headers = {**problem.headers, **(NO_RETRY if problem.status in _FINAL else {})}
    return _ErrorResponse(error_body(problem, scope), status, headers)


def final(problem: ProblemError, headers: dict[str, str]) -> ProblemError:
    """The problem with further headers, and with the one by which clients do not ask again."""
    return replace(problem, headers={**problem.headers, **headers, **NO_RETRY})


def error_body(problem: ProblemError, scope: Scope | None = None) -> dict[str, Any]:
    """The body of an error, which also ends a stream that fails."""
    error = {
        "message": _message(problem, scope),
        "type": _type(problem),
        "param": _parameter(problem),
        "code": _code(problem),
    }
    return {"error": error}


def _message(problem: ProblemError, scope: Scope | None) -> str:
    # The framework's own words for a path without a route.
    if problem.detail == "Not Found" and scope is not None:
        return f"{scope['method']} {scope['path'][:200]} is not served here. Served are: {SERVED}"
    return problem.detail


def _type(problem: ProblemError) -> str:
    if (own := problem.extra.get("type")) is not None:
        return str(own)
    if problem.code == "insufficient_credit":
        return "insufficient_quota"
    if problem.status == _TOO_MANY:
        return "requests"
    return "server_error" if problem.status >= _FAILED else "invalid_request_error"


def _parameter(problem: ProblemError) -> str | None:
    for item in field_errors(problem)[:1]:
        if item["type"] == "json_invalid":
            return None
        return ".".join(map(str, item["loc"][1:])) or None
    return _PARAMETERS.get(problem.code)


def _code(problem: ProblemError) -> str:
    for item in field_errors(problem)[:1]:
        if item["type"] in _MISSING:
            return "missing_required_parameter"
        return item["type"] if item["type"] in _OWN_WORDS else "invalid_value"
    return _CODES.get(problem.code, problem.code)
