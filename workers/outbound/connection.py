"""httpcore's network backend with checked addresses and a deadline.

The library offers this interface: for any host that it wants, the backend connects to the checked
addresses, and TLS still verifies the host name of the URL.
"""

import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from ipaddress import IPv6Address

import httpcore2

from workers.outbound.addresses import IPAddress
from workers.outbound.deadline import Deadline
from workers.outbound.errors import (
    BrokenAnswerError,
    TimedOutError,
    UnreachableError,
    UntrustedCertificateError,
)

Connector = Callable[[IPAddress, int, float], socket.socket]
"""Opens a TCP connection to an address and port within a timeout in seconds, or raises OSError."""


def connect_tcp(address: IPAddress, port: int, timeout_seconds: float) -> socket.socket:
    """Connect to exactly this address.

    Raises:
        OSError: the connection is refused, or not made in time.
    """
    family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_seconds)
        connection.connect((str(address), port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        connection.close()
        raise
    return connection


class PinnedBackend(httpcore2.NetworkBackend):
    """Connects to the first checked address that accepts, for any requested host name."""

    def __init__(
        self,
        addresses: Sequence[IPAddress],
        connector: Connector,
        deadline: Deadline,
        connect_seconds: float,
        read_seconds: float,
    ) -> None:
        self._addresses = addresses
        self._connector = connector
        self._deadline = deadline
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline decides
        local_address: str | None = None,  # noqa: ARG002 - never given
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002 - ditto
    ) -> httpcore2.NetworkStream:
        """Try each address with an equal share of the remaining time to connect.

        Raises:
            UnreachableError: no address accepts a connection.
            TimedOutError: the time of the whole request is over.
        """
        connecting = Deadline(self._deadline.remaining(self._connect_seconds))
        for tried, address in enumerate(self._addresses):
            seconds = connecting.remaining(self._connect_seconds) / (len(self._addresses) - tried)
            with suppress(OSError):
                connection = self._connector(address, port, seconds)
                return DeadlineStream(
                    connection, self._deadline, self._connect_seconds, self._read_seconds
                )
        raise UnreachableError(f"{host} takes no connection")


class DeadlineStream(httpcore2.NetworkStream):
    """A socket whose every operation ends by the deadline, however slowly the peer sends."""

    def __init__(
        self,
        connection: socket.socket,
        deadline: Deadline,
        connect_seconds: float,
        read_seconds: float,
    ) -> None:
        self._socket = connection
        self._deadline = deadline
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        """Read the next bytes; b"" at the end."""
        self._socket.settimeout(self._deadline.remaining(self._read_seconds))
        try:
            return self._socket.recv(max_bytes)
        except TimeoutError:
            raise TimedOutError("the server kept us waiting") from None
        except OSError:
            raise BrokenAnswerError("the connection broke") from None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """Send the whole buffer."""
        view = memoryview(buffer)
        while view:
            self._socket.settimeout(self._deadline.remaining(self._read_seconds))
            try:
                view = view[self._socket.send(view) :]
            except TimeoutError:
                raise TimedOutError("the server does not take what is sent") from None
            except OSError as error:
                # httpcore still reads the response of a server that closed early.
                raise httpcore2.WriteError(str(error)) from None

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the deadline decides
    ) -> httpcore2.NetworkStream:
        """Switch to TLS. The whole handshake must finish within the time to connect.

        Raises:
            UntrustedCertificateError: the handshake failed.
        """
        try:
            self._socket.settimeout(self._deadline.remaining(self._connect_seconds))
            secured = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except TimeoutError:
            self.close()
            raise TimedOutError(f"{server_hostname} does not complete a TLS handshake") from None
        except OSError:
            self.close()
            raise UntrustedCertificateError(f"TLS with {server_hostname} failed") from None
        return DeadlineStream(secured, self._deadline, self._connect_seconds, self._read_seconds)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def get_extra_info(self, info: str) -> ssl.SSLSocket | None:
        """The TLS socket for "ssl_object": httpcore asks for nothing else."""
        if info == "ssl_object" and isinstance(self._socket, ssl.SSLSocket):
            return self._socket
        return None
