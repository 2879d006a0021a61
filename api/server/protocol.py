"""HTTP/1.1 connections with limits: uvicorn's protocol, which itself has none of them.

A request that runs is never cut: limits hold until it has arrived. Then the application decides.
"""

import asyncio
import json
from http import HTTPStatus
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.core.client_address import Networks
from api.core.errors import MEDIA_TYPE
from api.core.metrics import count_refused
from api.server.connections import Connection, ConnectionTable
from api.server.settings import ServerSettings
from api.server.unread import UNREAD_SECONDS, limit_unread_time

PROBES = ("/livez", "/readyz", "/healthz")
"""Answered even when there is room for nothing else."""

_DISCARD_SECONDS = 2.0
"""After a refusal, what a client is still sending is read for this long: otherwise the system
resets the connection, and the client never sees the refusal."""

_DISCARD_BYTES = 8_000_000

_OVER = {
    "connections": (503, "unavailable", "the server has too many connections; try again soon"),
    "address_connections": (429, "too_many_connections", "your address has too many connections"),
}


class GuardedProtocol(HttpToolsProtocol):
    """A connection of the process; `bound_protocol` makes the class that uvicorn instantiates."""

    settings: ClassVar[ServerSettings]
    trusted: ClassVar[Networks]
    tables: ClassVar[dict[asyncio.AbstractEventLoop, ConnectionTable]]
    replaces: Connection | None = None  # its handshake, which was counted until now

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection."""
        super().connection_made(transport)
        limit_unread_time(transport, UNREAD_SECONDS)
        self._header_since = self.loop.time()
        self._header_bytes = 0
        self._in_body = False
        self._body_since = 0.0
        self._body_bytes = 0
        self._discard_until: float | None = None
        self._discarded = 0
        self._table = self.table_of(self.loop)
        if self.replaces is not None:
            self._table.remove(self.replaces)
            self.replaces = None
        self._over = self._table.add(self, self.client[0] if self.client else "")

    @classmethod
    def table_of(cls, loop: asyncio.AbstractEventLoop) -> ConnectionTable:
        """The connections of an event loop, on all of its ports."""
        if loop not in cls.tables:
            cls.tables[loop] = ConnectionTable(cls.settings, cls.trusted, loop)
        return cls.tables[loop]

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._table.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived; of a header no more than it may have."""
        if self._discard_until is not None:
            self._discard(len(data))
            return
        most = self.settings.max_header_bytes
        while data and not self._is_ending():
            if self._in_body:
                super().data_received(data)
                return
            if not self._header_bytes:
                self._header_since = self.loop.time()
            piece = data[: most - self._header_bytes]
            self._header_bytes += len(piece)
            super().data_received(piece)
            data = data[len(piece) :]
            if self._header_bytes >= most and not self._is_ending():
                self._refuse(431, "header_too_large", "the request's header is too large", "header")

    def _discard(self, count: int) -> None:
        self._discarded += count
        if self._discarded > _DISCARD_BYTES:
            self.flow.pause_reading()

    def _is_ending(self) -> bool:
        return self._discard_until is not None or self.transport.is_closing()

    def on_headers_complete(self) -> None:
        """Start the request, unless it is refused."""
        if self._is_ending() or self._is_refused():
            return
        super().on_headers_complete()
        self._table.set_busy(self)
        self._in_body, self._body_bytes, self._header_bytes = True, 0, 0
        self._body_since = self.loop.time()
        if self.cycle is not None:
            self.cycle.transport = _DiscardingTransport(self)  # type: ignore[assignment]

    def _is_refused(self) -> bool:
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts != 1 and self.parser.get_http_version() == "1.1":
            detail = "send one Host header, as HTTP/1.1 requires"
            self._refuse(400, "bad_request", detail, "header")
            return True
        if self._over is None or self.url.partition(b"?")[0].decode("latin-1") in PROBES:
            return False
        self._refuse(*_OVER[self._over], self._over)
        return True

    def on_body(self, body: bytes) -> None:
        """Count the body's bytes."""
        if not self._is_ending():
            self._body_bytes += len(body)
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect the next header."""
        if not self._is_ending():
            self._in_body, self._header_bytes = False, 0
            super().on_message_complete()
            self._wait_for_request()

    def on_response_complete(self) -> None:
        """Wait for the next request, in as much time as for the first."""
        super().on_response_complete()
        self._wait_for_request()

    def _wait_for_request(self) -> None:
        if not self._is_running() and not self._in_body and not self._is_ending():
            self._header_since = self.loop.time()
            self._table.set_waiting(self)

    def close_silent(self) -> None:
        """Close the connection: others need its place."""
        self._table.remove(self)
        self.transport.abort()

    def shutdown(self) -> None:
        """End the connection with the server: one that waits for a request, at once."""
        if self._is_running() or self.transport.get_write_buffer_size():
            super().shutdown()
        else:
            # Closing TLS would wait for the peer, which has nothing to say now.
            self.transport.abort()

    def sweep(self, now: float, interval: float) -> None:
        """Close the connection if its request arrives too slowly."""
        if self._discard_until is not None:
            if now > self._discard_until:
                self.transport.abort()
        elif self._in_body:
            self._sweep_body(now, interval)
        elif self._awaits_header() and now - self._header_since > self.settings.header_seconds:
            self._end_header()

    def _end_header(self) -> None:
        """End a connection whose request does not come: who sent nothing is answered nothing."""
        if self._header_bytes:
            self._refuse(408, "request_timeout", "the request came too slowly", "header_time")
        else:
            count_refused("header_time")
            self.close_silent()

    def _is_running(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _awaits_header(self) -> bool:
        """True for a header that has begun, and where uvicorn has no timer for a pause."""
        paused = self._header_bytes > 0 or self.timeout_keep_alive_task is None
        return paused and not self._is_running()

    def _sweep_body(self, now: float, interval: float) -> None:
        if self.flow.read_paused or self.pipeline:
            self._body_since += interval  # we do not read: the client is not to blame
            return
        limits = self.settings
        allowed = limits.body_seconds + self._body_bytes / limits.min_body_bytes_per_second
        answering = self._is_running() and self.cycle.response_started
        if not answering and now - self._body_since > allowed:
            self._refuse(408, "request_timeout", "the request's body came too slowly", "body_time")

    def _refuse(self, status: int, code: str, detail: str, reason: str) -> None:
        """Answer what has not become a request of the application, or is no whole one."""
        count_refused(reason)
        if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
            self.transport.write(_problem(status, code, detail))
        if self._is_running():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.discard()

    def discard(self) -> None:
        """End the connection, so that the client can still read what it was answered."""
        self._discard_until = self.loop.time() + _DISCARD_SECONDS
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    @property
    def is_receiving(self) -> bool:
        """True while a request's body has not arrived completely."""
        return self._in_body


class _DiscardingTransport:
    """A request's transport: closing it before the body has arrived goes by `discard`."""

    def __init__(self, protocol: GuardedProtocol) -> None:
        self._protocol = protocol
        self.write = protocol.transport.write
        self.is_closing = protocol.transport.is_closing

    def close(self) -> None:
        """Close the connection once what was written has been sent."""
        if self._protocol.is_receiving and not self.is_closing():
            self._protocol.discard()
        else:
            self._protocol.transport.close()


def _problem(status: int, code: str, detail: str) -> bytes:
    title = HTTPStatus(status).phrase
    problem: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    body = json.dumps({**problem, "detail": detail, "code": code}).encode()
    retry = "retry-after: 2\r\n" if status in (429, 503) else ""
    head = (
        f"HTTP/1.1 {status} {title}\r\ncontent-type: {MEDIA_TYPE}\r\n"
        f"content-length: {len(body)}\r\n{retry}connection: close\r\n\r\n"
    )
    return head.encode() + body


def bound_protocol(settings: ServerSettings, trusted: Networks) -> type[GuardedProtocol]:
    """The protocol class of a server with these settings."""
    members = {"settings": settings, "trusted": trusted, "tables": {}}
    return type("BoundProtocol", (GuardedProtocol,), members)
