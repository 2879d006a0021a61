"""One line in the log for each request, its id, and its figures for Prometheus."""

import re
import time
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.core import metrics

HEADER = "X-Request-Id"

_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PROBES = ("/livez", "/readyz", "/healthz", "/metrics")
_SERVER_ERROR = 500

_log = structlog.get_logger(__name__)
_about: ContextVar[MutableMapping[str, Any] | None] = ContextVar("about_request", default=None)


def note(**about: Any) -> None:
    """Add to the line of the request that is being answered; never what its caller wrote."""
    if (line := _about.get()) is not None:
        line.update(about)


def request_id() -> str | None:
    """The id of the request that is being answered; None outside of one."""
    line = _about.get()
    return None if line is None else line["request_id"]


class RequestLog:
    """ASGI middleware around all others: numbers, times and logs what is answered.

    An `X-Request-Id` of up to 64 letters, digits, dots, hyphens and underscores is kept; any other
    is replaced. Probes that go well leave no line.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and tell of it once the answer has ended, in whichever way."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        token = _about.set(answer.about)
        metrics.in_flight.inc()
        try:
            await self._app(scope, receive, answer.send)
        finally:
            metrics.in_flight.dec()
            answer.ended()
            _about.reset(token)


class _Answer:
    """One answer on its way: its id goes with it, its bytes are counted."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._began = time.perf_counter()
        self._bytes = 0
        self._status = _SERVER_ERROR
        self._streams = False
        given = Headers(scope=scope)
        self._holds = "wait" in given.get("prefer", "") or b"wait=" in scope["query_string"]
        self._bytes_in = given.get("content-length", "0")
        sent_id = given.get(HEADER, "")
        self.about: MutableMapping[str, Any] = {
            "request_id": sent_id if _SANE.fullmatch(sent_id) else uuid4().hex
        }
        scope["bottega.request_id"] = self.about["request_id"]

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers[HEADER] = self.about["request_id"]
            self._status = message["status"]
            if headers.get("content-type", "").startswith("text/event-stream"):
                self._streams = True
                metrics.streams_open.inc()
        self._bytes += len(message.get("body", b""))
        await self._send(message)

    def ended(self) -> None:
        """Count and log it."""
        seconds = time.perf_counter() - self._began
        method, route = _method(self._scope), _template(self._scope)
        if self._streams:
            metrics.streams_open.dec()
        elif not self._holds:
            metrics.answered(method, route, self._status, seconds)
        if self._status < _SERVER_ERROR and self._scope["path"] in _PROBES:
            return
        job_id = self._scope.get("path_params", {}).get("job_id")
        known = {"job_id": job_id} if job_id and self._status < 400 else {}  # noqa: PLR2004 - ours
        _log.info(
            "request",
            method=method,
            route=route,
            status=self._status,
            seconds=round(seconds, 4),
            bytes_in=int(self._bytes_in) if self._bytes_in.isdecimal() else None,
            bytes_out=self._bytes,
            **(known | dict(self.about)),
        )


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def _method(scope: Scope) -> str:
    """The method, or one name for all that a caller may have thought up."""
    return scope["method"] if scope["method"] in _METHODS else "other"


def _template(scope: Scope) -> str:
    """The route as it is written: a path holds ids, and an artifact's is a secret."""
    path = getattr(scope.get("route"), "path", None)
    if path is None:
        return "unmatched"
    return f"{scope.get('root_path', '')}{path}"
