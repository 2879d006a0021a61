"""A limit on the time in which a peer takes nothing of what is sent to it.

When a stream of a slow reader is broken off, the server closes its connection, but keeps what was
not yet sent until the peer takes it. A peer that never does would keep memory and a file descriptor
for good: the kernel ends such a connection.
"""

import asyncio
import socket

UNREAD_SECONDS = 60
"""The longest time that sent data may lie unread or unacknowledged."""


def limit_unread_time(transport: asyncio.Transport, seconds: float) -> None:
    """Have the kernel end a connection whose peer has taken nothing for this long."""
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        milliseconds = int(seconds * 1000)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
