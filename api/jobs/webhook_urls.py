"""Validation of a webhook's URL before its job is accepted, without a request to any host.

The courier's client checks every address again when it connects, also those behind host names.
"""

from ipaddress import IPv4Address

from workers.outbound import AddressPolicy, OutboundSettings, RefusedAddressError
from workers.outbound.urls import parse

_LOOPBACK = IPv4Address("127.0.0.1")


def check_webhook_url(url: str, settings: OutboundSettings) -> None:
    """Refuse a URL that could never receive a webhook.

    Raises:
        workers.outbound.BadUrlError: the URL is malformed, or of a scheme or port not allowed.
        workers.outbound.RefusedAddressError: its host is an address that must not be reached.
    """
    target = parse(url, allow_http=settings.allow_http, ports=settings.ports)
    is_local = target.host == "localhost" or target.host.endswith(".localhost")
    address = _LOOPBACK if is_local else target.address
    if address is not None and not AddressPolicy(settings.allow, settings.deny).permits(address):
        raise RefusedAddressError(target.host)
