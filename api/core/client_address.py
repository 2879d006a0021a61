"""The client's address: of the connection, or of the header of a proxy that is trusted."""

import ipaddress
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from starlette.datastructures import Headers
from starlette.types import Scope

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]

_SCHEMES = ("http", "https")
_SITE_BITS = 64


def parse_address(text: str) -> Address | None:
    """An IP address, an IPv4 one also where IPv6 wraps it; None for any other text."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_within(text: str, networks: Networks) -> bool:
    """True when the text is an address in one of the networks."""
    address = parse_address(text) if networks else None
    return address is not None and any(address in network for network in networks)


def client_address(scope: Scope) -> str:
    """The client's address; empty where the server listens on no network."""
    client = scope.get("client")
    return client[0] if client else ""


def client_network(text: str) -> str:
    """The address by which limits count: an IPv6 site has 2^64 of them, and counts as one."""
    address = parse_address(text)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, _SITE_BITS), strict=False))
    return text if address is None else str(address)


def apply_forwarded_headers(scope: Scope, trusted: Networks) -> None:
    """Replace the scope's client and scheme by those that a trusted proxy forwards.

    Each proxy appends its peer to `X-Forwarded-For`. From the right, the first address that is
    no trusted proxy's is the client: what lies left of it, the client may have written. A header
    that holds anything else than addresses changes nothing.
    """
    if not is_within(client_address(scope), trusted):
        return
    headers = Headers(scope=scope)
    if client := _forwarded_client(headers.getlist("x-forwarded-for"), trusted):
        scope["client"] = (client, 0)
    scheme = headers.get("x-forwarded-proto", "").strip().lower()
    if scheme in _SCHEMES:
        scope["scheme"] = scheme


def _forwarded_client(lines: Sequence[str], trusted: Networks) -> str | None:
    found = None
    for text in reversed(",".join(lines).split(",")):
        address = parse_address(text)
        if address is None:
            return None
        found = str(address)
        if not is_within(found, trusted):
            break
    return found
