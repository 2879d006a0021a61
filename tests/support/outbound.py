"""Names and connections of a test's own: nothing here ever sends anywhere but to loopback."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from workers.outbound import OutboundSettings, UnreachableError
from workers.outbound.addresses import IPAddress
from workers.outbound.connection import connect_tcp

LOOPBACK = ip_address("127.0.0.1")
PUBLIC = "93.184.215.14"
REACHES_LOOPBACK = ("127.", "0.0.0.0", "::1", "::ffff:127.", "::ffff:7f")


@dataclass
class Names:
    """A resolver that answers a name's lookups one after the other; the last answer stays."""

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
    """A connector that takes down where it was sent.

    What would reach loopback really does; a public address leads to the port that `reroute` names
    for it; from anywhere else no answer comes.
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
