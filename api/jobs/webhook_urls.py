"""What is refused of a webhook's URL before a job is taken, without asking any other host.

The courier's client checks every address again, those behind names too, when it connects.
"""

from ipaddress import IPv4Address

from workers.outbound import AddressPolicy, OutboundSettings, RefusedAddressError
from workers.outbound.urls import parse

_LOOPBACK = IPv4Address("127.0.0.1")


def check(url: str, settings: OutboundSettings) -> None:
    """Refuse what could never be sent to.

    Raises:
        workers.outbound.BadUrlError: it is not a URL that is requested.
        workers.outbound.RefusedAddressError: its host is an address that must not be reached.
    """
    target = parse(url, allow_http=settings.allow_http, ports=settings.ports)
    local = target.host == "localhost" or target.host.endswith(".localhost")
    address = _LOOPBACK if local else target.address
    if address is not None and not AddressPolicy(settings.allow, settings.deny).permits(address):
        raise RefusedAddressError(target.host)
