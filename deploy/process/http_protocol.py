"""The server's side of one HTTP connection: a peer that does not read is let go.

When a stream of a slow reader is broken off, the server closes its connection, but keeps what was
not yet sent until the peer takes it. A peer that never does would keep memory and a file descriptor
for good: the kernel ends such a connection.
"""

import asyncio
import socket

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

UNREAD_SECONDS = 60
"""The longest time that sent data may lie unread or unacknowledged."""


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with a limit on the time in which a peer takes nothing."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Set the limit on the connection's socket, where it is one of TCP."""
        super().connection_made(transport)
        limit_unread_time(transport, UNREAD_SECONDS)


def limit_unread_time(transport: asyncio.Transport, seconds: float) -> None:
    """Have the kernel end a connection whose peer has taken nothing for this long."""
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        milliseconds = int(seconds * 1000)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
