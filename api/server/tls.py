"""TLS on a port of its own, with the same limits of connections from the first byte on.

A server of the event loop tells a protocol of a connection only when its handshake is over: until
then nobody would count it, and nothing could close it for another. So connections are accepted
here: one is in the table as soon as it is open, and its handshake has the time of a header.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from api.core.metrics import count_refused
from api.server.protocol import GuardedProtocol

_SHUTDOWN_SECONDS = 60
"""The longest time in which a peer takes the rest of an answer, and then ends TLS on its side,
once the connection is closed. Meanwhile it may make room for another one."""

_BACKLOG = 2048
_PAUSE_SECONDS = 0.5
"""The wait after a connection that could not be accepted: the process has no file left for it."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class TlsPort:
    """A bound port that speaks TLS.

    Attributes:
        listener: its socket.
        context: the certificate, and what of TLS is spoken.
    """

    listener: socket.socket
    context: ssl.SSLContext


def open_tls_port(host: str, port: int, certificate: Path) -> TlsPort:
    """Bind a port.

    Args:
        host: the address to bind.
        port: 0 takes a free one.
        certificate: PEM file with the private key, the certificate and those between it and its
            authority.

    Raises:
        OSError: the file cannot be read or is none, or the port is in use.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["http/1.1"])
    # A client could have the server compute one key after the other on a single connection.
    context.options |= ssl.OP_NO_RENEGOTIATION
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    listener.settimeout(0)
    return TlsPort(listener, context)


class TlsHandshake:
    """A connection until its handshake is over; then `http` takes its place in the table."""

    def __init__(self, connection: socket.socket, address: str, http: GuardedProtocol) -> None:
        self._connection = connection
        self._http = http
        self._table = http.table_of(http.loop)
        self._table.add(self, address)
        http.replaces = self

    async def complete(self, context: ssl.SSLContext) -> None:
        """Do the handshake; a connection that does not complete it is closed."""
        try:
            await self._http.loop.connect_accepted_socket(
                lambda: self._http,
                self._connection,
                ssl=context,
                ssl_handshake_timeout=self._http.settings.header_seconds,
                ssl_shutdown_timeout=_SHUTDOWN_SECONDS,
            )
        except OSError:  # of TLS too: no handshake, a broken one, one that takes too long
            count_refused("tls_handshake")
        finally:
            self._table.remove(self)

    def close_silent(self) -> None:
        """Close the connection: others need its place."""
        self._table.remove(self)
        with suppress(OSError):  # the peer was faster
            self._connection.shutdown(socket.SHUT_RDWR)

    def sweep(self, now: float, interval: float) -> None:
        """Nothing: the handshake has a timer of its own."""


class TlsServer:
    """Accepts the connections of a port, until it is closed.

    Args:
        port: the port.
        make_http: makes the protocol of a connection's requests.
    """

    def __init__(self, port: TlsPort, make_http: Callable[[], GuardedProtocol]) -> None:
        self._port = port
        self._make_http = make_http
        self._loop = asyncio.get_running_loop()
        self._handshakes: dict[asyncio.Task[None], TlsHandshake] = {}
        self._accepting = self._loop.create_task(self._accept())

    async def _accept(self) -> None:
        while True:
            try:
                connection, address = await self._loop.sock_accept(self._port.listener)
            except OSError as error:
                _log.warning("connection_not_accepted", problem=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                self._begin(connection, str(address[0]))

    def _begin(self, connection: socket.socket, address: str) -> None:
        handshake = TlsHandshake(connection, address, self._make_http())
        task = self._loop.create_task(handshake.complete(self._port.context))
        self._handshakes[task] = handshake
        task.add_done_callback(self._handshakes.pop)

    def close(self) -> None:
        """Accept no further connection, and end the handshakes."""
        self._accepting.cancel()
        for handshake in self._handshakes.values():
            handshake.close_silent()

    async def wait_closed(self) -> None:
        """Wait for the end of the handshakes."""
        await asyncio.gather(self._accepting, *self._handshakes, return_exceptions=True)
        self._port.listener.close()
