"""A resolver and connections for tests: nothing here sends to any host but loopback."""

import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address

from workers.outbound import Outbound, OutboundSettings, Timeouts, UnreachableError
from workers.outbound.addresses import IPAddress
from workers.outbound.connection import connect_tcp

LOOPBACK = ip_address("127.0.0.1")
PUBLIC = "93.184.215.14"
QUICK = Timeouts(total=0.6, connect=0.4, read=0.4)
REACHES_LOOPBACK = ("127.", "0.0.0.0", "::1", "::ffff:127.", "::ffff:7f")


@dataclass
class Names:
    """A resolver with a list of answers for each name; the last answer repeats."""

    answers: Mapping[str, Sequence[Sequence[str]]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str, timeout_seconds: float) -> Sequence[IPAddress]:
        assert timeout_seconds > 0
        if host not in self.answers:
            raise UnreachableError(f"{host} has no address")
        answers = self.answers[host]
        answer = answers[min(self.asked.count(host), len(answers) - 1)]
        self.asked.append(host)
        return [ip_address(address) for address in answer]


@dataclass
class Wires:
    """A connector that records the addresses that it connects to.

    Addresses of loopback are really connected; a public address is connected to the local port
    that `reroute` names for it; any other connection is refused.
    """

    reroute: Mapping[str, int] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)

    def __call__(self, address: IPAddress, port: int, timeout_seconds: float) -> socket.socket:
        self.used.append(str(address))
        if rerouted := self.reroute.get(str(address)):
            return connect_tcp(LOOPBACK, rerouted, timeout_seconds)
        if str(address).startswith(REACHES_LOOPBACK):
            return connect_tcp(address, port, timeout_seconds)
        raise ConnectionRefusedError


def names(**answers: str) -> Names:
    """A resolver; `pictures="1.1.1.1 2.2.2.2"` gives pictures.example two addresses."""
    return Names({f"{name}.example": [given.split()] for name, given in answers.items()})


def outbound_settings(
    *allow: str, allow_http: bool = False, ports: Sequence[int] = ()
) -> OutboundSettings:
    """Settings that allow these networks, and any port."""
    return OutboundSettings.model_validate(
        {"allow": allow, "allow_http": allow_http, "ports": ports}
    )


@cache
def trusting_nobody() -> ssl.SSLContext:
    """A context that accepts no certificate; cached, as loading the system's takes time."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def guarded(resolve: Names, wires: Wires, *allow: str) -> Outbound:
    """A client that allows any port and plain http: only addresses can be refused."""
    return Outbound(
        outbound_settings(*allow, allow_http=True),
        resolve=resolve,
        connector=wires,
        ssl_context=trusting_nobody(),
    )


def local() -> Outbound:
    """A client that reaches 127.0.0.1, by plain http."""
    settings = outbound_settings("127.0.0.1/32", allow_http=True)
    return Outbound(settings, ssl_context=trusting_nobody())


class Listener:
    """A port on loopback, in both families, that accepts connections and never answers."""

    def __init__(self, opened: socket.socket) -> None:
        opened.settimeout(0)
        self._socket = opened
        self.port: int = opened.getsockname()[1]

    def took_a_connection(self) -> bool:
        """True when a connection has come since the last call."""
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@contextmanager
def listening() -> Iterator[Listener]:
    """Listen until the block ends."""
    with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as opened:
        yield Listener(opened)
