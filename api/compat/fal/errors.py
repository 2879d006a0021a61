"""fal's form of errors: `detail` as text or as a list of fields, `message`, and an error type."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from api.compat.fal.error_bodies import Json, error_body, wrong_field
from api.core.errors import ProblemError
from api.core.surfaces import field_errors

REQUEST_ID = "x-fal-request-id"
"""The header with the id of the request, which clients show, and ask for before they retry."""

ERROR_TYPE = "X-Fal-Error-Type"
TIMEOUT_TYPE = "X-Fal-Request-Timeout-Type"
"""The header by which a timeout is the client's own, so that it is not retried."""

_REQUEST = "bottega.fal.request"
_SERVER_ERROR = 500
_TIMEOUT = 504


def name_request(scope: Scope, request_id: str) -> None:
    """Note the id of the request that an HTTP request belongs to."""
    scope[_REQUEST] = request_id


def request_id_of(scope: Scope) -> str:
    """The id for the answer's header: of the fal request, or of the HTTP request alone."""
    path_id = scope.get("path_params", {}).get("request_id", "")
    named = path_id if path_id.isascii() and path_id.isprintable() else ""
    return str(scope.get(_REQUEST) or named or scope.get("bottega.request_id", ""))


def respond(problem: ProblemError, scope: Scope) -> Response:
    """Answer a problem in fal's form."""
    items = [_wrong_field(each) for each in field_errors(problem)]
    kind = "internal_error" if problem.status == _SERVER_ERROR else problem.code
    if problem.status == _TIMEOUT:
        kind = "request_timeout"
    detail: str | Sequence[Json] = items or problem.detail
    headers = error_headers(scope, kind, problem.status, problem.headers)
    return JSONResponse(
        error_body(_printable(detail), _printable(_message(problem, items)), kind),
        problem.status,
        headers,
    )


def error_headers(
    scope: Scope, kind: str, status: int, more: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The headers of an error's answer."""
    timeout = {TIMEOUT_TYPE: "user"} if status == _TIMEOUT else {}
    return {**(more or {}), REQUEST_ID: request_id_of(scope), ERROR_TYPE: kind, **timeout}


def _wrong_field(item: Mapping[str, Any]) -> Json:
    # A foreign name such as "image_size.width" is the path to the field.
    loc = [word for part in item["loc"] for word in str(part).split(".")]
    return wrong_field(loc, item["msg"], item["type"])


def _message(problem: ProblemError, items: Sequence[Json]) -> str:
    if not items:
        return problem.detail
    return "; ".join(f"{'.'.join(each['loc'][1:]) or 'body'}: {each['msg']}" for each in items[:3])


def _printable(value: Any) -> Any:
    """A value with the lone surrogates of foreign text replaced: no encoding can write them."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {name: _printable(each) for name, each in value.items()}
    return [_printable(each) for each in value] if isinstance(value, list | tuple) else value
