"""Errors as RFC 9457 problems. Domain errors know no HTTP: the one table here maps them."""

import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from api.core.artifact_urls import InvalidTokenError
from api.core.domain_errors import (
    FileInUseError,
    InvalidSubmissionError,
    JobNotOverError,
    ModelNotOfferedError,
    NotFoundError,
    NotInTimeError,
    NotRetryableError,
    SelectionChangedError,
    TooManyBodiesError,
    TooManyExportsError,
    TooManyFetchesError,
    TooManyStreamsError,
    TooManyWrongKeysError,
)
from api.core.json_parser import says_json
from api.core.protocol.methods import allow_header, routed_methods
from api.core.request_key import ConflictingKeysError
from db.artifacts.file_names import TooManyNamesError
from db.artifacts.storage_limit import StorageFullError
from db.billing.holds import InsufficientCreditError
from db.billing.vendor import VendorLimitError
from db.core.plain_words import message_of
from db.jobs.idempotency import KeyReusedError
from db.jobs.types import ModelNotInTierError, PriorityNotAllowedError, TooManyInFlightError
from db.operators.actions import BalanceTooLowError, ReferenceReusedError
from db.operators.deletion import BalanceLeftError
from db.operators.keys import LastOperatorError
from db.storage.object_store import StoreUnavailableError
from db.tenants.api_keys import InvalidKeyError
from db.tenants.tenants import TenantDeletedError, TenantSuspendedError, UnknownTierError
from db.tenants.tiers import KeepTooLongError
from db.values.decode_budget import DecodingBusyError
from db.values.pictures import PictureError
from workers.catalog import UnknownVariantError

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 100
"""The most errors that one answer lists: a small request can hold a million of them."""

KEY_HEADER = "Authorization: Bearer <key>"
"""The header in which clients send their keys."""

_MAX_DETAIL = 1_000
_MAX_PLACE = 10
_RETRY_AFTER_SECONDS = 2
_RETRY_SOON = {"Retry-After": str(_RETRY_AFTER_SECONDS)}


class InvalidItem(BaseModel):
    """One error of a request, and its place."""

    loc: list[str | int] = Field(examples=[["body", "input", "width"]])
    msg: str = Field(examples=["width should be at least 64"])
    type: str = Field(examples=["value_error"])


class Problem(BaseModel):
    """An error (RFC 9457). `code` is stable, `detail` is for people."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["width should be at least 64"])
    code: str = Field(examples=["invalid_input"])
    errors: list[InvalidItem] | None = Field(
        None, max_length=MAX_ERRORS, description="The first of them"
    )
    error_count: int | None = Field(None, description="How many there are, when not all are listed")


@dataclass
class ProblemError(Exception):
    """A request that is answered with a problem document.

    Attributes:
        extra: further members of the problem document.
    """

    status: int
    code: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


class ProblemInBodyError(HTTPException):
    """A problem that is found while a body is parsed: the framework hides all other errors.

    Attributes:
        problem: the problem.
    """

    def __init__(self, problem: ProblemError) -> None:
        super().__init__(problem.status, problem.detail)
        self.problem = problem


def missing_key(header: str = KEY_HEADER) -> ProblemError:
    """401: the call needs a key, in a header such as `KEY_HEADER`."""
    detail = f"send your API key as `{header}`"
    return ProblemError(401, "unauthorized", detail, {"WWW-Authenticate": "Bearer"})


def operator_only() -> ProblemError:
    """403 for a tenant's key at an operators' call."""
    return ProblemError(403, "forbidden", "this is a tenant's key; use an operator's key here")


def tenant_only() -> ProblemError:
    """403 for an operator's key at a tenants' call."""
    return ProblemError(403, "forbidden", "this is an operator's key; use a tenant's key here")


def not_found(noun: str) -> ProblemError:
    """404, also for an object of another tenant."""
    return problem_of(NotFoundError(noun))


def invalid(loc: Sequence[str | int], message: str, kind: str = "value_error") -> ProblemError:
    """422 with one invalid item."""
    item = {"loc": list(loc), "msg": message, "type": kind}
    return _invalid_items(message, [item])


def _invalid_items(detail: str, items: Sequence[Mapping[str, Any]]) -> ProblemError:
    """422 with the first items; its detail is short and tells how many there are in all."""
    errors = [
        {
            "loc": [
                _short(part) if isinstance(part, str) else part for part in item["loc"][:_MAX_PLACE]
            ],
            "msg": _short(item["msg"]),
            "type": item["type"],
        }
        for item in items[:MAX_ERRORS]
    ]
    extra: dict[str, Any] = {"errors": errors}
    if len(items) > MAX_ERRORS:
        detail = f"{len(items)} errors, the first {MAX_ERRORS} are listed: {detail}"
        extra["error_count"] = len(items)
    return ProblemError(422, "invalid_input", _short(detail), extra=extra)


def _short(text: str) -> str:
    """The beginning: a name or message that a client wrote can be as long as its request."""
    return text if len(text) <= _MAX_DETAIL else f"{text[: _MAX_DETAIL - 1]}…"


def _fixed(
    status: int, code: str, headers: Mapping[str, str] | None = None
) -> Callable[[Exception], ProblemError]:
    """A rule of the table: the detail is the error's own message."""
    return lambda error: ProblemError(status, code, str(error), headers or {})


def problem_of(error: Exception) -> ProblemError:
    """The problem document of an error, by the table; an unknown error is raised again."""
    for kind in type(error).__mro__:
        if (rule := _RULES.get(kind)) is not None:
            return rule(error)
    raise error


def _invalid_submission(error: InvalidSubmissionError) -> ProblemError:
    items = [
        {"loc": ["body", *field.loc], "msg": field.message, "type": field.type}
        for field in error.fields
    ]
    return _invalid_items(str(error), items)


def _insufficient_credit(error: InsufficientCreditError) -> ProblemError:
    resets_at = error.resets_at.isoformat().replace("+00:00", "Z")
    reset = f"; it resets {resets_at}" if error.is_covered else ""
    extra = {
        "kind": error.kind,
        "price_micros": error.price_micros,
        "allowance_resets_at": resets_at,
    }
    return ProblemError(402, "insufficient_credit", f"{error}{reset}", extra=extra)


def _vendor_limit(error: VendorLimitError) -> ProblemError:
    seconds = max(1, math.ceil((error.resets_at - datetime.now(UTC)).total_seconds()))
    return ProblemError(503, "vendor_limit_reached", str(error), {"Retry-After": str(seconds)})


def _storage_full(error: StorageFullError) -> ProblemError:
    # Not 507 or 429, after which clients try again: only a deletion or an operator helps.
    extra = {"stored_bytes": error.stored_bytes, "max_stored_bytes": error.max_stored_bytes}
    return ProblemError(403, "storage_full", str(error), extra=extra)


def _unavailable(_error: Exception) -> ProblemError:
    # The message of the server's error may hold addresses or SQL.
    return ProblemError(503, "unavailable", "try again in a moment", _RETRY_SOON)


def _no_room(error: TooManyBodiesError) -> ProblemError:
    if error.own:
        return ProblemError(429, "too_many_bodies", str(error), _RETRY_SOON)
    return ProblemError(503, "unavailable", str(error), _RETRY_SOON)


def _wrong_keys(error: TooManyWrongKeysError) -> ProblemError:
    headers = {"Retry-After": str(error.wait_seconds)}
    return ProblemError(429, "too_many_wrong_keys", str(error), headers)


_RULES: Mapping[type[Exception], Callable[[Any], ProblemError]] = {
    ProblemError: lambda error: error,
    BalanceLeftError: _fixed(409, "balance_left"),
    BalanceTooLowError: _fixed(409, "balance_too_low"),
    DecodingBusyError: _fixed(503, "unavailable", _RETRY_SOON),
    FileInUseError: _fixed(409, "file_in_use"),
    ConflictingKeysError: _fixed(401, "unauthorized", {"WWW-Authenticate": "Bearer"}),
    InsufficientCreditError: _insufficient_credit,
    InvalidKeyError: _fixed(401, "unauthorized", {"WWW-Authenticate": "Bearer"}),
    InvalidSubmissionError: _invalid_submission,
    InvalidTokenError: _fixed(404, "not_found"),
    JobNotOverError: _fixed(409, "job_not_over"),
    KeyReusedError: _fixed(422, "idempotency_key_reused"),
    KeepTooLongError: lambda error: invalid(["body", "keep_seconds"], str(error), "keep_too_long"),
    LastOperatorError: _fixed(409, "last_operator"),
    ModelNotInTierError: _fixed(403, "model_not_in_tier"),
    ModelNotOfferedError: _fixed(404, "model_not_found"),
    NotFoundError: _fixed(404, "not_found"),
    NotInTimeError: _fixed(504, "timeout"),
    NotRetryableError: _fixed(409, "not_retryable"),
    PictureError: lambda error: invalid(["body", "file"], str(error), "invalid_image"),
    PriorityNotAllowedError: _fixed(403, "forbidden"),
    ReferenceReusedError: _fixed(422, "idempotency_key_reused"),
    SelectionChangedError: _fixed(409, "changed"),
    StorageFullError: _storage_full,
    TenantDeletedError: _fixed(409, "tenant_deleted"),
    TenantSuspendedError: _fixed(403, "suspended"),
    TooManyBodiesError: _no_room,
    TooManyExportsError: _fixed(429, "too_many_exports", {"Retry-After": "30"}),
    TooManyFetchesError: _fixed(503, "unavailable", _RETRY_SOON),
    TooManyInFlightError: _fixed(429, "too_many_in_flight", {"Retry-After": "5"}),
    TooManyWrongKeysError: _wrong_keys,
    # As for `StorageFullError`.
    TooManyNamesError: _fixed(403, "too_many_files"),
    TooManyStreamsError: _fixed(429, "too_many_streams", {"Retry-After": "5"}),
    UnknownTierError: lambda error: invalid(["body", "tier"], str(error), "unknown_tier"),
    UnknownVariantError: lambda error: invalid(["body", "model"], str(error), "unknown_model"),
    VendorLimitError: _vendor_limit,
    # Servers that are down or slow:
    OperationalError: _unavailable,
    PoolTimeoutError: _unavailable,
    StoreUnavailableError: _unavailable,
}
"""The one table from errors to problem documents; a subclass has the rule of its base."""

KNOWN: tuple[type[Exception], ...] = tuple(_RULES)
"""The errors that `problem_of` maps."""


class _ProblemResponse(JSONResponse):
    """A problem as JSON, even where it quotes text that no Unicode encoding can represent."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        # A lone surrogate becomes \udXXX again: the spelling in which the request's JSON had it.
        return text.encode("utf-8", "backslashreplace")


def document_of(problem: ProblemError) -> dict[str, Any]:
    """The problem document itself."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        **problem.extra,
    }


def respond(problem: ProblemError) -> JSONResponse:
    """The response for clients of the JSON API."""
    return _ProblemResponse(document_of(problem), problem.status, dict(problem.headers))


def problem_of_invalid(request: Request, error: Exception) -> ProblemError:
    """422 for a request that the framework refused; 415 for a body that is not sent as JSON."""
    items = [] if not isinstance(error, RequestValidationError) else error.errors()
    if any(item["loc"] == ("body",) for item in items) and not says_json(
        request.headers.get("content-type", "")
    ):
        return _NOT_JSON
    return validation_problem([], [_of_upload(item) for item in items])


def _of_upload(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The error of a file of a form, which was sent as the body itself or as text."""
    is_file = item["loc"] == ("body", "file") and item["type"] in ("missing", "value_error")
    return {**item, "msg": _UPLOAD, "ctx": {"message": _UPLOAD}} if is_file else item


_UPLOAD = (
    "send a form, multipart/form-data, in which `file` is the picture's file: "
    "curl -F file=@picture.png"
)


_NOT_JSON = ProblemError(
    415, "unsupported_media_type", "send JSON, with `Content-Type: application/json`"
)


def validation_problem(prefix: Sequence[str | int], items: Sequence[Any]) -> ProblemError:
    """422 with every item that pydantic rejected, each place preceded by `prefix`.

    The rejected values are omitted: they may be prompts, pictures or secrets.
    """
    errors = [
        {"loc": [*prefix, *item["loc"]], "msg": message_of(item), "type": item["type"]}
        for item in items
    ]
    detail = "; ".join(f"{_place(e['loc'], e['type'])}: {e['msg']}" for e in errors[:3])
    return _invalid_items(detail, errors)


def _place(loc: Sequence[str | int], kind: str) -> str:
    """The place in the request, for people; an error of the whole body is in no field."""
    whole = len(loc) == 1 or kind == "json_invalid"
    return str(loc[0]) if whole else ".".join(map(str, loc[1:]))


_HTTP_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
}


def problem_of_http(request: Request, error: Exception) -> ProblemError:
    """An error that the framework answers itself, such as 404 and 405."""
    if not isinstance(error, HTTPException):
        raise error
    code = _HTTP_CODES.get(error.status_code, "http_error")
    return ProblemError(error.status_code, code, error.detail, http_headers(request, error))


_METHOD_NOT_ALLOWED = 405


def problem_of_body(_request: Request, error: Exception) -> ProblemError:
    """The problem that was found while a body was parsed."""
    if not isinstance(error, ProblemInBodyError):
        raise error
    return error.problem


def http_headers(request: Request, error: HTTPException) -> Mapping[str, str]:
    """The headers of an HTTP error's response; `Allow` lists every method of the path."""
    headers = dict(error.headers or {})
    if error.status_code == _METHOD_NOT_ALLOWED:
        # A route's error names its own methods alone. No route has the path of a static file.
        routed = routed_methods(request.app.router.routes, request.scope)
        headers["Allow"] = allow_header(routed or ["GET"])
    return headers


def problem_of_bug(request: Request, _error: Exception) -> ProblemError:
    """500 for an error that nothing handles."""
    # The server closes the connection after a bug; the header stops clients from reusing it.
    headers = {"Connection": "close"}
    if (request_id := request.scope.get("bottega.request_id")) is not None:
        headers["X-Request-Id"] = request_id
    return ProblemError(500, "internal_error", "something failed here; it is logged", headers)


Respond = Callable[[ProblemError, Request], Response]
"""Answers a problem to the client of a request."""


def _respond_natively(problem: ProblemError, _request: Request) -> Response:
    return respond(problem)


def install(app: FastAPI, answer: Respond = _respond_natively) -> None:
    """Answer every error of an application with a problem document, or in another form."""

    def handler(
        problem: Callable[[Request, Exception], ProblemError],
    ) -> Callable[[Request, Exception], Awaitable[Response]]:
        async def handle(request: Request, error: Exception) -> Response:
            return answer(problem(request, error), request)

        return handle

    for kind in KNOWN:
        app.add_exception_handler(kind, handler(lambda _request, error: problem_of(error)))
    app.add_exception_handler(RequestValidationError, handler(problem_of_invalid))
    app.add_exception_handler(HTTPException, handler(problem_of_http))
    app.add_exception_handler(ProblemInBodyError, handler(problem_of_body))
    app.add_exception_handler(Exception, handler(problem_of_bug))
