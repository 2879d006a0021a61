"""A small application behind the API's own HTTP server, in a thread of this process."""

import asyncio
import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from api.core.settings import ApiSettings
from api.server.run import Server, server_config
from api.server.settings import ServerSettings
from api.server.tls import open_tls_port

HOST = "127.0.0.1"


async def application(scope: Any, receive: Any, send: Any) -> None:
    """`/read` answers a body's length, `/hang` after a second, `/refuse` before the body."""
    path = scope["path"]
    if path == "/hang":
        await asyncio.sleep(3)
    length = 0
    while path == "/read":
        message = await receive()
        length += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    refused = path == "/refuse"
    body = str(length).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    headers += [(b"connection", b"close")] if refused else []
    status = 401 if refused else 200
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def make_application() -> Any:
    """The factory that the server imports."""
    return application


@dataclass
class GuardedServer:
    """A running server, and the clients' sockets of a test."""

    port: int
    tls_port: int = 0
    opened: list[socket.socket] = field(default_factory=list)

    def connect(self, sent: bytes = b"", *, port: int = 0) -> socket.socket:
        """Open a connection, and send the first bytes."""
        connection = socket.create_connection((HOST, port or self.port), timeout=20)
        self.opened.append(connection)
        if sent:
            connection.sendall(sent)
        return connection

    def ask(self, sent: bytes) -> bytes:
        """The whole answer to what is sent; the server must close the connection."""
        return until_closed(self.connect(sent))

    def get(self, path: str, connection: socket.socket | None = None) -> int:
        """The status of a GET."""
        opened = connection or self.connect()
        opened.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return status_of(opened.recv(10_000))


def until_closed(connection: socket.socket) -> bytes:
    """Everything that arrives until the server closes the connection."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def status_of(answer: bytes) -> int:
    """The status of an answer; 0 for none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


@contextmanager
def guarded_server(**settings: Any) -> Iterator[GuardedServer]:
    """Serve until the block ends; also by TLS with the `certificate` of a file."""
    certificate = settings.pop("certificate", None)
    tls = open_tls_port(HOST, 0, certificate) if certificate else None
    api = ApiSettings(url_secret=SecretStr(secrets.token_urlsafe(32)), **settings.pop("api", {}))
    config = server_config(
        "tests.support.guarded_server:make_application", HOST, 0, ServerSettings(**settings), api
    )
    config.lifespan = "off"
    server = Server(config, tls)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        tls_port = tls.listener.getsockname()[1] if tls else 0
        running = GuardedServer(server.servers[0].sockets[0].getsockname()[1], tls_port)
        yield running
        for connection in running.opened:
            connection.close()
    finally:
        server.should_exit = True
        thread.join()
