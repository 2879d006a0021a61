"""Errors as RFC 9457 problems. Domain errors know no HTTP: one table here maps them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from api.core.artifact_urls import InvalidTokenError
from db.billing.holds import InsufficientCreditError
from db.jobs.idempotency import KeyReusedError
from db.jobs.types import PriorityNotAllowedError, TooManyInFlightError
from db.operators.actions import BalanceTooLowError, ReferenceReusedError
from db.operators.keys import LastOperatorError
from db.storage.object_store import StoreUnavailableError
from db.tenants.api_keys import InvalidKeyError
from db.tenants.tenants import TenantSuspendedError, UnknownTierError
from db.values.pictures import PictureError
from workers.catalog import UnknownVariantError

MEDIA_TYPE = "application/problem+json"
_RETRY_SOON_SECONDS = 2


class InvalidItem(BaseModel):
    """One thing that is wrong with a request, and where."""

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
    errors: list[InvalidItem] | None = None


@dataclass
class ProblemError(Exception):
    """A request that cannot be answered as asked.

    Attributes:
        extra: further members of the problem.
    """

    status: int
    code: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


def not_found(what: str) -> ProblemError:
    """404, also for what is another tenant's."""
    return ProblemError(404, "not_found", f"there is no such {what}")


def invalid(loc: Sequence[str | int], message: str, kind: str = "value_error") -> ProblemError:
    """422 with one item."""
    item = {"loc": list(loc), "msg": message, "type": kind}
    return ProblemError(422, "invalid_input", message, extra={"errors": [item]})


_BY_TYPE: dict[type[Exception], tuple[int, str, dict[str, str]]] = {
    InvalidKeyError: (401, "unauthorized", {"WWW-Authenticate": "Bearer"}),
    InvalidTokenError: (404, "not_found", {}),
    BalanceTooLowError: (409, "balance_too_low", {}),
    KeyReusedError: (422, "idempotency_key_reused", {}),
    LastOperatorError: (409, "last_operator", {}),
    ReferenceReusedError: (422, "idempotency_key_reused", {}),
    PriorityNotAllowedError: (403, "forbidden", {}),
    TenantSuspendedError: (403, "suspended", {}),
    TooManyInFlightError: (429, "too_many_in_flight", {"Retry-After": "5"}),
}

_AWAY = (OperationalError, PoolTimeoutError, StoreUnavailableError)


def problem_of(error: Exception) -> ProblemError:
    """The problem that a domain error is; what is not known is raised again."""
    match error:
        case ProblemError():
            return error
        case InsufficientCreditError():
            return _insufficient_credit(error)
        case UnknownVariantError() | UnknownTierError():
            what = "model" if isinstance(error, UnknownVariantError) else "tier"
            return invalid(["body", what], str(error), f"unknown_{what}")
        case PictureError():
            return invalid(["body", "file"], str(error), "invalid_image")
        case _ if isinstance(error, _AWAY):
            headers = {"Retry-After": str(_RETRY_SOON_SECONDS)}
            return ProblemError(503, "unavailable", "try again in a moment", headers)
        case _ if type(error) in _BY_TYPE:
            status, code, headers = _BY_TYPE[type(error)]
            return ProblemError(status, code, str(error), headers)
    raise error


def _insufficient_credit(error: InsufficientCreditError) -> ProblemError:
    resets_at = error.resets_at.isoformat().replace("+00:00", "Z")
    extra = {
        "kind": error.kind,
        "price_micros": error.price_micros,
        "allowance_resets_at": resets_at,
    }
    return ProblemError(402, "insufficient_credit", f"{error}; it resets {resets_at}", extra=extra)


class _ProblemResponse(JSONResponse):
    """A problem as JSON, even where it quotes text that no Unicode encoding can hold."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        # A lone surrogate becomes \udXXX again, which is how JSON spelt it to us.
        return text.encode("utf-8", "backslashreplace")


def respond(problem: ProblemError) -> JSONResponse:
    """The problem as it is answered to whoever speaks JSON."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        **problem.extra,
    }
    return _ProblemResponse(body, problem.status, dict(problem.headers))


async def _on_error(_request: Request, error: Exception) -> JSONResponse:
    return respond(problem_of(error))


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    items = [] if not isinstance(error, RequestValidationError) else error.errors()
    if any(item["loc"] == ("body",) for item in items) and not _says_json(request):
        return respond(_NOT_JSON)
    return respond(validation_problem([], items))


_NOT_JSON = ProblemError(
    415, "unsupported_media_type", "send JSON, with `Content-Type: application/json`"
)


def _says_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def validation_problem(prefix: Sequence[str | int], items: Sequence[Any]) -> ProblemError:
    """422 with every item that pydantic found wrong, `prefix` before each place.

    The rejected values are left out: they may be prompts, pictures or secrets.
    """
    errors = [
        {"loc": [*prefix, *item["loc"]], "msg": item["msg"], "type": item["type"]} for item in items
    ]
    detail = "; ".join(f"{_place(e['loc'], e['type'])}: {e['msg']}" for e in errors[:3])
    return ProblemError(422, "invalid_input", detail, extra={"errors": errors})


def _place(loc: Sequence[str | int], kind: str) -> str:
    """Where in the request, as people write it; a flaw of the whole body is in no field."""
    whole = len(loc) == 1 or kind == "json_invalid"
    return str(loc[0]) if whole else ".".join(map(str, loc[1:]))


_HTTP_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
}


async def _on_http(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    code = _HTTP_CODES.get(error.status_code, "http_error")
    return respond(ProblemError(error.status_code, code, error.detail, error.headers or {}))


async def _on_bug(request: Request, _error: Exception) -> JSONResponse:
    # The server closes the connection after a bug; a client that knows does not send on it again.
    headers = {"Connection": "close"}
    if (request_id := request.scope.get("bottega.request_id")) is not None:
        headers["X-Request-Id"] = request_id
    return respond(
        ProblemError(500, "internal_error", "something failed here; it is logged", headers)
    )


KNOWN: tuple[type[Exception], ...] = (
    ProblemError,
    InsufficientCreditError,
    UnknownTierError,
    UnknownVariantError,
    PictureError,
    *_BY_TYPE,
    *_AWAY,
)
"""What `problem_of` knows."""


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem."""
    for kind in KNOWN:
        app.add_exception_handler(kind, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_bug)


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "description": "What is wrong, and what to do about it",
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": {
                    "type": "about:blank",
                    "title": "Unprocessable Entity",
                    "status": 422,
                    "detail": "input.width: Input should be greater than or equal to 64",
                    "code": "invalid_input",
                    "errors": [
                        {
                            "loc": ["body", "input", "width"],
                            "msg": "Input should be greater than or equal to 64",
                            "type": "greater_than_equal",
                        }
                    ],
                },
            }
        },
    }
}
"""The `responses` entry that every call shares; `Problem` is added to the schema by `api.app`."""
