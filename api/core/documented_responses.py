"""The problems and headers of responses, as the OpenAPI document describes them.

`api.openapi` adds to each operation the problems that follow from it: from its key, its parameters
and its body. A route states the rest, in `responses`, by status and description.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from api.core.errors import MEDIA_TYPE

Json = dict[str, Any]

_ADMIN = "/v1/admin"
_FAILED = 400

_PROBLEMS: Mapping[int, tuple[str, str, str]] = {
    400: (
        "The body is no JSON, or no form, that can be read",
        "bad_request",
        "the body is not in UTF-8, see its byte 12: send JSON in UTF-8",
    ),
    401: (
        "The API key is missing or not valid",
        "unauthorized",
        "send your API key as `Authorization: Bearer <key>`",
    ),
    402: (
        "Neither allowance nor balance covers the price",
        "insufficient_credit",
        "the price is 5000 micro-USD, the balance is 0; it resets 2026-12-01T00:00:00Z",
    ),
    403: (
        "The key may not do this, or its tenant is suspended",
        "forbidden",
        "this is a tenant's key; use an operator's key here",
    ),
    404: (
        "The object does not exist, or belongs to another tenant",
        "not_found",
        "there is no such job",
    ),
    409: (
        "The present state does not allow it",
        "changed",
        "more jobs than were counted match by now; count them again",
    ),
    413: (
        "The body is larger than the limit",
        "body_too_large",
        "the request body is too large",
    ),
    415: (
        "The body is not sent as JSON",
        "unsupported_media_type",
        "send JSON, with `Content-Type: application/json`",
    ),
    422: (
        "A parameter or the body is invalid; `errors` names the places",
        "invalid_input",
        "input.width: should be at least 64",
    ),
    429: (
        "Too many requests or jobs; `Retry-After` says how long to wait",
        "rate_limited",
        "this key may ask 3000 times a minute; wait 2 s",
    ),
    503: (
        "A server behind this one is down or slow; try again after `Retry-After`",
        "unavailable",
        "try again in a moment",
    ),
}
"""By status: the description, and the code and detail of the example."""

_EXTRA: Mapping[int, Json] = {
    402: {
        "kind": "images",
        "price_micros": 5000,
        "allowance_resets_at": "2026-12-01T00:00:00Z",
    },
    422: {
        "errors": [
            {
                "loc": ["body", "input", "width"],
                "msg": "should be at least 64",
                "type": "greater_than_equal",
            }
        ]
    },
}
"""By status: further members of the example."""

_STRING: Json = {"type": "string"}

HEADERS: Mapping[str, Json] = {
    "ETag": {
        "description": "The version of the response, for `If-None-Match`",
        "schema": _STRING,
        "example": 'W/"9f86d081884c7d65"',
    },
    "Link": {
        "description": 'The next page\'s URL, `rel="next"`, unless this page is the last',
        "schema": _STRING,
        "example": '<http://127.0.0.1:8000/v1/jobs?cursor=am9i>; rel="next"',
    },
    "Location": {"description": "The URL of the result", "schema": {"type": "string"}},
    "Preference-Applied": {
        "description": "The wait of `Prefer` that was applied, in seconds",
        "schema": _STRING,
        "example": "wait=10",
    },
    "RateLimit": {
        "description": "What is left of the key's limit, and the seconds until there is more",
        "schema": _STRING,
        "example": '"burst";r=2999;t=60',
    },
    "RateLimit-Policy": {
        "description": "The key's limit: requests in a window of seconds",
        "schema": _STRING,
        "example": '"burst";q=3000;w=60',
    },
    "Retry-After": {
        "description": "Seconds to wait before the next request",
        "schema": {"type": "integer", "minimum": 0},
        "example": 2,
    },
    "WWW-Authenticate": {"description": "The scheme of the key", "schema": {"const": "Bearer"}},
    "X-Request-Id": {
        "description": "The id of the request in the service's log: yours, or a new one",
        "schema": _STRING,
    },
}
"""The headers that responses share, by name; they are the document's `components.headers`."""

_OF_STATUS: Mapping[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    503: ("Retry-After",),
}


def documented_headers(*names: str) -> Json:
    """The `headers` of a response, as references to the shared ones."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def problem_responses() -> Json:
    """The problem of each status, for the document's `components.responses`."""
    return {_name(status): _problem(status) for status in _PROBLEMS}


def complete_responses(path: str, operation: Json) -> None:
    """Add the problems that follow from an operation, and the headers that all responses have.

    Args:
        path: the operation's path.
        operation: the operation, of which every response is documented afterwards.
    """
    responses: Json = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    for derived in _derived(path, operation):
        responses.setdefault(str(derived), {})
    for status, response in responses.items():
        if int(status) >= _FAILED and "content" not in response:
            responses[status] = _reference(int(status), response.get("description"))
        else:
            response["headers"] = documented_headers(*_common(path)) | response.get("headers", {})
    operation["responses"] = dict(sorted(responses.items()))


def _derived(path: str, operation: Json) -> set[int]:
    statuses = set() if path == "/livez" else {503}
    parameters = operation.get("parameters", [])
    body = operation.get("requestBody", {}).get("content", {})
    if path.startswith("/v1/"):
        statuses.add(429)
    if operation.get("security"):
        statuses |= {401, 403}
    if parameters or body:
        statuses.add(422)
    if any(each["in"] == "path" and "$ref" not in each["schema"] for each in parameters):
        statuses.add(404)
    if body:
        statuses |= {400, 413}
    if "application/json" in body:
        statuses.add(415)
    return statuses


def _common(path: str) -> tuple[str, ...]:
    counted = path.startswith("/v1/") and not path.startswith(_ADMIN)
    return ("X-Request-Id", "RateLimit", "RateLimit-Policy") if counted else ("X-Request-Id",)


def _reference(status: int, description: str | None) -> Json:
    reference = {"$ref": f"#/components/responses/{_name(status)}"}
    return reference | ({"description": description} if description else {})


def _problem(status: int) -> Json:
    description, code, detail = _PROBLEMS[status]
    example = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **_EXTRA.get(status, {}),
    }
    return {
        "description": description,
        "headers": documented_headers("X-Request-Id", *_OF_STATUS.get(status, ())),
        "content": {
            MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
        },
    }


def _name(status: int) -> str:
    return HTTPStatus(status).name.title().replace("_", "")
