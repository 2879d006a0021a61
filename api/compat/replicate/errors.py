"""Errors as clients of Replicate read them: problem documents in its words."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import Response
from starlette.types import Scope

from api.core.errors import MEDIA_TYPE, ProblemError
from api.core.surfaces import field_errors

_TITLES: Mapping[int, str] = {
    401: "Unauthenticated",
    402: "Insufficient credit",
    404: "Not found",
    422: "Input validation failed",
    429: "Too many requests",
}
_TITLES_BY_CODE: Mapping[str, str] = {"unknown_version": "Invalid version or not permitted"}

_NOT_INPUT = frozenset(
    """
    Cancel-After content input metadata model stream version webhook webhook_completed
    webhook_events_filter
    """.split()  # noqa: SIM905 - one name a line would fill a page
)
"""The fields and headers of requests that are no field of the model's input."""

_IN_BODY = "body"


def respond(problem: ProblemError, _scope: Scope) -> Response:
    """The response; `detail` is always text, and `invalid_fields` tells the fields one by one."""
    # In ASCII: half of a surrogate pair, which an error may quote, has no other spelling.
    text = json.dumps(document_of(problem), separators=(",", ":"))
    return Response(text, problem.status, dict(problem.headers), MEDIA_TYPE)


def document_of(problem: ProblemError) -> dict[str, Any]:
    """The problem document."""
    fields = [_invalid_field(item) for item in field_errors(problem)]
    document = {
        "type": "about:blank",
        "title": _TITLES_BY_CODE.get(problem.code) or _title(problem.status),
        "status": problem.status,
        "detail": problem.detail,
    }
    if not fields:
        return document
    lines = [f"- {each['field']}: {each['description']}" for each in fields]
    return {**document, "detail": "\n".join(lines), "invalid_fields": fields}


def _title(status: int) -> str:
    return _TITLES.get(status) or HTTPStatus(status).phrase


def _invalid_field(item: Mapping[str, Any]) -> dict[str, str]:
    # The place in broken JSON is a character's number, which its message says better.
    is_json = item["type"] == "json_invalid"
    field = _IN_BODY if is_json else _field(item["loc"])
    return {"type": item["type"], "field": field, "description": item["msg"]}


def _field(loc: Sequence[str | int]) -> str:
    """The place as a path; fields of the input are below `input`, as in the request."""
    if loc[0] != _IN_BODY or len(loc) == 1:
        return ".".join(map(str, loc))
    first, *rest = loc[1:]
    is_input = isinstance(first, str) and first.split(".")[0] not in _NOT_INPUT
    return ".".join(map(str, ("input", first, *rest) if is_input else (first, *rest)))


PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "invalid_fields": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "field", "description"],
                "properties": {
                    name: {"type": "string"} for name in ("type", "field", "description")
                },
            },
        },
    },
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented errors of a call, by status."""
    content = {"content": {MEDIA_TYPE: {"schema": PROBLEM_SCHEMA}}}
    return {status: {"description": _title(status), **content} for status in sorted(statuses)}


OF_READS = problems(401, 403, 404, 422, 429, 503)
"""The documented errors of a call that reads."""

OF_SUBMISSIONS = problems(400, 401, 402, 403, 404, 413, 415, 422, 429, 503)
"""The documented errors of a call that makes a prediction."""
