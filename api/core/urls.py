"""The service's own URL and hosts, as its clients reach it."""

import ipaddress
import re
from urllib.parse import urlsplit

from fastapi import Request

from api.core.settings import ApiSettings

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?")


def base_url(request: Request, settings: ApiSettings) -> str:
    """The configured public URL, else the host that the request names; no trailing slash."""
    return (settings.public_url or str(request.base_url)).rstrip("/")


def host_of(header: str) -> str | None:
    """The host that a `Host` header names, in lower case and without a port; None if malformed."""
    found = _HOST.fullmatch(header)
    return found[1].lower().strip("[]") if found else None


def is_known_host(host: str, settings: ApiSettings) -> bool:
    """True for a host that clients may name: ours, or any host where no public URL is set."""
    return not settings.public_url or is_loopback(host) or host in _own_hosts(settings)


def is_own_host(host: str, settings: ApiSettings) -> bool:
    """True for a host whose pages are ours beyond doubt.

    A name that is not configured may be another site's, which resolves it to our address. An
    address cannot be: a browser that names it has connected to it.
    """
    if is_loopback(host) or host in _own_hosts(settings):
        return True
    return not settings.public_url and _address(host) is not None


def is_loopback(host: str) -> bool:
    """True for a host that means this machine itself."""
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def is_public_https(settings: ApiSettings) -> bool:
    """True when clients reach the service by https, and not on this machine alone."""
    public = urlsplit(settings.public_url)
    return public.scheme == "https" and not is_loopback(public.hostname or "localhost")


def _own_hosts(settings: ApiSettings) -> set[str]:
    public = urlsplit(settings.public_url).hostname
    return {name.lower() for name in (public, *settings.hosts) if name}


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
