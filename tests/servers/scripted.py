"""A server on loopback that answers every connection by a script of bytes and pauses."""

import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread

Script = Callable[[bytes], Iterable[bytes | float]]
"""The bytes to send on a request, and seconds to wait in between."""

HOST = "127.0.0.1"


@dataclass
class ServerRecord:
    """The record of a server so far.

    Attributes:
        connections: the number of connections, with or without a request.
        requests: head and body of each request that was read.
        bytes_sent: the bytes of all answers.
    """

    port: int
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    bytes_sent: int = 0


@contextmanager
def scripted(
    script: Script, tls: ssl.SSLContext | None = None, *, reads: bool = True
) -> Iterator[ServerRecord]:
    """Serve until the block ends. Without `reads` it starts to send at once and reads nothing."""
    over = Event()
    with socket.create_server((HOST, 0)) as listener:
        seen = ServerRecord(listener.getsockname()[1])
        thread = Thread(target=_accept, args=(listener, script, tls, reads, seen, over))
        thread.start()
        try:
            yield seen
        finally:
            over.set()
            with socket.socket() as waker:  # ends the accept
                waker.connect((HOST, seen.port))
            thread.join()


def _accept(
    listener: socket.socket,
    script: Script,
    tls: ssl.SSLContext | None,
    reads: bool,  # noqa: FBT001
    seen: ServerRecord,
    over: Event,
) -> None:
    answering: list[Thread] = []
    while True:
        connection, _ = listener.accept()
        if over.is_set():
            connection.close()
            break
        seen.connections += 1
        thread = Thread(target=_serve, args=(connection, script, tls, reads, seen, over))
        thread.start()
        answering.append(thread)
    for thread in answering:
        thread.join()


def _serve(
    connection: socket.socket,
    script: Script,
    tls: ssl.SSLContext | None,
    reads: bool,  # noqa: FBT001
    seen: ServerRecord,
    over: Event,
) -> None:
    with suppress(OSError), connection:
        connection.settimeout(10)
        if tls is None:
            _answer(connection, script, reads, seen, over)
            return
        with tls.wrap_socket(connection, server_side=True) as secured:
            _answer(secured, script, reads, seen, over)


def _answer(
    connection: socket.socket,
    script: Script,
    reads: bool,  # noqa: FBT001
    seen: ServerRecord,
    over: Event,
) -> None:
    request = _read(connection) if reads else b""
    if reads:
        seen.requests.append(request)
    for part in script(request):
        if over.is_set():
            break
        if isinstance(part, bytes):
            connection.sendall(part)
            seen.bytes_sent += len(part)
        else:
            over.wait(part)


def _read(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"),
        0,
    )
    while len(body) < length:
        body += _more(connection)
    return head + b"\r\n\r\n" + body


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise ConnectionError
    return data


def reply(status: int = 200, body: bytes = b"", **headers: str) -> Script:
    """A whole answer; `content_type="text/html"` is a header."""
    lines = {"content-length": str(len(body)), **_header_names(headers)}
    return lambda _request: [head(status, **lines), body]


def head(status: int = 200, **headers: str) -> bytes:
    """An answer's head."""
    lines = [f"HTTP/1.1 {status} X", *(f"{k}: {v}" for k, v in _header_names(headers).items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _header_names(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def forever(start: bytes, part: bytes, pause_seconds: float = 0.0) -> Script:
    """A start, then the same part without end."""

    def script(_request: bytes) -> Iterator[bytes | float]:
        yield start
        while True:
            yield part
            yield pause_seconds

    return script
