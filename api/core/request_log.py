"""One log line for each request, its id, and its metrics for Prometheus."""

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
from api.core.protocol.methods import is_head, sent_method

HEADER = "X-Request-Id"
_VALID_ID = re.compile(r"[A-Za-z0-9._~:/+=@#-]{1,100}")
"""A client's own id of a request, in every answer, log and webhook: no character needs quoting."""

PROBES = ("/livez", "/readyz", "/healthz", "/metrics")
"""Paths that load balancers and Prometheus ask for all the time."""

LONG_POLL = "bottega.long_poll"
"""The scope's entry of a request that waits for a job: its time and status are the job's."""

_SERVER_ERROR = 500

_log = structlog.get_logger(__name__)
_arrived_at: ContextVar[float | None] = ContextVar("request_arrived_at", default=None)
_fields: ContextVar[MutableMapping[str, Any] | None] = ContextVar("request_fields", default=None)


def add_log_fields(**fields: Any) -> None:
    """Add fields to the log line of the current request; never text that its caller wrote."""
    if (line := _fields.get()) is not None:
        line.update(fields)


def request_id() -> str | None:
    """The id of the current request; None outside of one."""
    line = _fields.get()
    return None if line is None else line["request_id"]


def arrived_at() -> float | None:
    """The time at which the current request arrived, by `time.monotonic`; None outside of one."""
    return _arrived_at.get()


class RequestLog:
    """ASGI middleware around all others: gives each request an id, measures and logs it.

    An `X-Request-Id` of at most 100 letters, digits and `._~:/+=@#-` is kept; any other is
    replaced. The id is the same in the answer, the log, the job and the audit log. Successful
    probes are not logged.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle the request, and log it when its response has ended, successful or not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        response = _LoggedResponse(scope, send)
        token = _fields.set(response.fields)
        arrival = _arrived_at.set(time.monotonic())
        metrics.in_flight.inc()
        try:
            await self._app(scope, receive, response.send)
        finally:
            metrics.in_flight.dec()
            response.finish()
            _fields.reset(token)
            _arrived_at.reset(arrival)


class _LoggedResponse:
    """A response that is being sent: adds the request's id, and counts the bytes."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._started_at = time.perf_counter()
        self._bytes = 0
        self._status = _SERVER_ERROR
        self._is_stream = False
        headers = Headers(scope=scope)
        self._is_long_poll = not is_head(scope) and (
            any("wait" in line for line in headers.getlist("prefer"))
            or b"wait" in scope["query_string"]
        )
        self._bytes_in = headers.get("content-length", "0")
        sent_id = headers.get(HEADER, "")
        self.fields: MutableMapping[str, Any] = {
            "request_id": sent_id if _VALID_ID.fullmatch(sent_id) else uuid4().hex
        }
        scope["bottega.request_id"] = self.fields["request_id"]

    async def send(self, message: Message) -> None:
        """Send one part of the response."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers[HEADER] = self.fields["request_id"]
            self._status = message["status"]
            is_stream = headers.get("content-type", "").startswith("text/event-stream")
            if is_stream and not is_head(self._scope):
                self._is_stream = True
                metrics.streams_open.inc()
        if not is_head(self._scope):
            self._bytes += len(message.get("body", b""))
        await self._send(message)

    def finish(self) -> None:
        """Record the metrics and write the log line."""
        seconds = time.perf_counter() - self._started_at
        method, route = _method(self._scope), _template(self._scope)
        if self._is_stream:
            metrics.streams_open.dec()
        elif not (self._is_long_poll or LONG_POLL in self._scope):
            metrics.observe_request(method, route, self._status, seconds)
        if self._status < _SERVER_ERROR and self._scope["path"] in PROBES:
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
            **(known | dict(self.fields)),
        )


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def _method(scope: Scope) -> str:
    """The method, or "other": an invented one must not make a label value of its own."""
    method = sent_method(scope)
    return method if method in _METHODS else "other"


def _template(scope: Scope) -> str:
    """The route's template: a path holds ids, and an artifact's path is a secret."""
    path = getattr(scope.get("route"), "path", None)
    if path is None:
        return "unmatched"
    return f"{scope.get('root_path', '')}{path}"
