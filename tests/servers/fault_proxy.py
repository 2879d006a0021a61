"""A TCP proxy before a store's HTTP server that fails PUTs as a network does."""

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event, Thread

HOST = "127.0.0.1"
LOOK_SECONDS = 0.05
_CHUNK_BYTES = 65_536
_ANSWER = b"HTTP/1.1 500 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_GO_ON = b"HTTP/1.1 100"


class Fault(StrEnum):
    """The fault of a PUT."""

    ERROR = "answers 500"
    SILENCE = "never answers"
    LOST_ANSWER = "stores, but its answer is lost"


@dataclass
class FaultProxy:
    """A running proxy.

    Attributes:
        port: where it listens.
        next_faults: the faults of the next PUTs, one each.
        every_fault: the fault of every PUT after those; None for no fault.
        met: the faults that happened, in order.
    """

    port: int
    next_faults: list[Fault] = field(default_factory=list)
    every_fault: Fault | None = None
    met: list[Fault] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The URL of the proxy."""
        return f"http://{HOST}:{self.port}"

    def pop_fault(self) -> Fault | None:
        """Remove and return the fault of the next PUT."""
        fault = self.next_faults.pop(0) if self.next_faults else self.every_fault
        if fault is not None:
            self.met.append(fault)
        return fault


@contextmanager
def fault_proxy(target: tuple[str, int]) -> Iterator[FaultProxy]:
    """Run a proxy before a server until the block ends."""
    over = Event()
    with socket.create_server((HOST, 0)) as listener:
        proxy = FaultProxy(listener.getsockname()[1])
        thread = Thread(target=_accept, args=(listener, target, proxy, over))
        thread.start()
        try:
            yield proxy
        finally:
            over.set()
            thread.join()


def _accept(
    listener: socket.socket, target: tuple[str, int], proxy: FaultProxy, over: Event
) -> None:
    relays: list[Thread] = []
    while not over.is_set():
        if select.select([listener], [], [], LOOK_SECONDS)[0]:
            client, _ = listener.accept()
            relay = Thread(target=_serve, args=(client, target, proxy, over))
            relay.start()
            relays.append(relay)
    for relay in relays:
        relay.join()


def _serve(client: socket.socket, target: tuple[str, int], proxy: FaultProxy, over: Event) -> None:
    with suppress(OSError), client, socket.create_connection(target) as server:
        _relay(client, server, proxy, over)


def _relay(client: socket.socket, server: socket.socket, proxy: FaultProxy, over: Event) -> None:
    """Copy bytes both ways. A client sends a request's head in one piece, after the last answer."""
    fault = None
    while not over.is_set():
        readable = select.select([client, server], [], [], LOOK_SECONDS)[0]
        if client in readable:
            sent = client.recv(_CHUNK_BYTES)
            if sent.startswith(b"PUT "):
                fault = proxy.pop_fault()
            if not sent or fault in {Fault.ERROR, Fault.SILENCE}:
                _refuse(client, fault, over)
                return
            server.sendall(sent)
        if server in readable:
            answered = server.recv(_CHUNK_BYTES)
            if not answered or (fault is Fault.LOST_ANSWER and not answered.startswith(_GO_ON)):
                return
            client.sendall(answered)


def _refuse(client: socket.socket, fault: Fault | None, over: Event) -> None:
    """Answer 500 or nothing; read until the client closes, for a reset is another fault."""
    if fault is Fault.ERROR:
        client.sendall(_ANSWER)
    while not over.is_set():
        if select.select([client], [], [], LOOK_SECONDS)[0] and not client.recv(_CHUNK_BYTES):
            return
