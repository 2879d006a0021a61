"""IP addresses on the public internet, and the operator's exceptions.

The tables follow IANA's special-purpose address registries (RFC 6890) and are kept here because
`ipaddress.is_global` differs between Python's releases: 3.11's calls fec0::/10, 3fff::/20,
2002::/16 and all of multicast global.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by carriers' NAT; some clouds' metadata
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # public by number, yet a cloud platform's own host service
            "169.254.0.0/16",  # link-local; most clouds' metadata
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarking
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
            # For IPv6 only ranges within 2000::/3; the rest is not unicast of the internet.
            "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: carries an IPv4 address
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation
        ),
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")  # the local-use prefix, 64:ff9b:1::/48, is never public
_LOW_32_BITS = 0xFFFF_FFFF


def is_public(address: IPAddress) -> bool:
    """True for a unicast address that is routed on the public internet.

    Of the addresses that embed another one, only those of the well-known NAT64 prefix are public,
    if the embedded one is (an IPv6-only network reaches IPv4 hosts by it). Mapped, 6to4 and Teredo
    addresses never are.
    """
    reached = _behind_nat64(address)
    if isinstance(reached, IPv6Address) and (reached.scope_id or reached not in _GLOBAL_UNICAST):
        return False
    return not _within(reached, _NOT_PUBLIC)


@dataclass(frozen=True)
class AddressPolicy:
    """Public addresses with the operator's additions and exclusions; `deny` overrides `allow`."""

    allow: Sequence[IPNetwork] = ()
    deny: Sequence[IPNetwork] = ()

    def permits(self, address: IPAddress) -> bool:
        """True when connections to the address are allowed."""
        if _within(address, self.deny) or _within(_behind_nat64(address), self.deny):
            return False
        return _within(address, self.allow) or is_public(address)


def _behind_nat64(address: IPAddress) -> IPAddress:
    """The IPv4 address behind NAT64's prefix, otherwise the address itself."""
    if isinstance(address, IPv6Address) and address in _NAT64:
        return IPv4Address(int(address) & _LOW_32_BITS)
    return address


def _within(address: IPAddress, networks: Sequence[IPNetwork]) -> bool:
    return any(address in network for network in networks)
