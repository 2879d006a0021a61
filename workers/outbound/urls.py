"""Parses URLs that users send, strictly: an ambiguous URL, for any two parsers, is refused."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from encodings import idna
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import urlsplit

from workers.outbound.addresses import IPAddress
from workers.outbound.errors import BadUrlError

DEFAULT_PORTS = {"https": 443, "http": 80}
_MAX_URL_LENGTH = 4096
_MAX_HOST_LENGTH = 253
_MAX_PORT = 65_535
# No spaces, controls, backslashes or quotes, and nothing that IDNA or NFKC could turn into a dot.
_URL = re.compile(r"[!#-;=?-\[\]_a-z~]+")
_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?")
_BEGINNING = re.compile(r"[A-Za-z]+://([^/?#\\]*)")
# Letters that two versions of the standard for such names encode in two ways.
_AMBIGUOUS = frozenset("ßς\u200c\u200d")
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
# A parser that reads 127.1, 2130706433, 0177.0.0.1 or 0x7f000001 as an address decides by the
# last label.
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


@dataclass(frozen=True)
class Target:
    """The target of one request.

    Attributes:
        url: the whole URL, the base of a relative redirect. A secret.
        host: a name in lower case, or an address without brackets.
        address: the host, if it is an address.
        path: path and query, as sent.
    """

    url: str
    scheme: str
    host: str
    address: IPAddress | None
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        return self.scheme, self.host, self.port

    @property
    def host_header(self) -> str:
        """The host as HTTP names it: IPv6 in brackets, the port unless it is the scheme's own."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def parse(url: str, *, allow_http: bool = False, ports: Sequence[int] = ()) -> Target:
    """Parse a URL that a user sent.

    Args:
        url: an absolute URL.
        allow_http: true to accept plain http as well.
        ports: allowed ports, beside each scheme's own; empty: any.

    Raises:
        BadUrlError: the URL is not allowed.
    """
    if len(url) > _MAX_URL_LENGTH:
        raise BadUrlError(f"the URL is longer than {_MAX_URL_LENGTH} characters")
    url = _with_ascii_host(url)
    if not _URL.fullmatch(url):
        raise BadUrlError("the URL has characters that must be percent-encoded (hosts: punycode)")
    scheme = url.partition(":")[0].lower()
    if scheme not in _schemes(allow_http=allow_http):
        raise BadUrlError("the URL must begin with https://" + " or http://" * allow_http)
    return _parse(url, scheme, ports)


def _with_ascii_host(url: str) -> str:
    """The URL with a host in other letters as punycode (IDNA), the form that DNS knows."""
    match = _BEGINNING.match(url)
    if match is None or match[1].isascii():
        return url
    labels = ".".join(map(_ascii_label, match[1].split(".")))
    return url[: match.start(1)] + labels + url[match.end(1) :]


def _ascii_label(label: str) -> str:
    """A label as punycode, where every version of the standard agrees on it."""
    name, colon, port = label.partition(":")
    if label.isascii():
        return label
    is_plain = all(each == "-" or each.isalnum() or unicodedata.combining(each) for each in name)
    if not is_plain or unicodedata.normalize("NFKC", name) != name or _AMBIGUOUS & {*name}:
        raise BadUrlError("the URL's host has letters of more than one reading: write punycode")
    try:
        return idna.ToASCII(name).decode() + colon + port
    except UnicodeError:
        raise BadUrlError("the URL's host is not a host name") from None


def _schemes(*, allow_http: bool) -> Sequence[str]:
    return ("https", "http") if allow_http else ("https",)


def _parse(url: str, scheme: str, ports: Sequence[int]) -> Target:
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets without an address
        raise BadUrlError("the URL's host is not a name or an address") from None
    literal, name, port = _authority(parts.netloc)
    address = _ipv6(literal) if literal else _ipv4(name)
    query = f"?{parts.query}" if parts.query else ""
    return Target(
        url=url,
        scheme=scheme,
        host=str(address) if address else _name(name),
        address=address,
        port=_port(port, scheme, ports),
        path=(parts.path or "/") + query,
    )


def _authority(netloc: str) -> tuple[str, str, str]:
    """The bracketed literal, the name and the port, each "" where there is none.

    A dot at the end of a name says that it is complete, as every name here is.
    """
    if "@" in netloc:
        raise BadUrlError("the URL must not hold a user name or a password")
    match = _AUTHORITY.fullmatch(netloc)
    if match is None:
        raise BadUrlError("the URL's host is not a name or an address")
    literal, name, port = match.groups(default="")
    return literal, name.removesuffix("."), port


def _ipv6(literal: str) -> IPAddress:
    try:
        return IPv6Address(literal)
    except AddressValueError:
        raise BadUrlError("the URL's host is not an IPv6 address") from None


def _ipv4(name: str) -> IPAddress | None:
    """The address that a host is; None for a name."""
    if not _NUMBER.fullmatch(name.rpartition(".")[2]):
        return None
    try:
        return IPv4Address(name)
    except AddressValueError:
        raise BadUrlError("an IPv4 address is written as four decimal numbers") from None


def _name(name: str) -> str:
    labels = name.split(".")
    if len(name) > _MAX_HOST_LENGTH or not all(map(_LABEL.fullmatch, labels)):
        raise BadUrlError("the URL's host is not a host name")
    return name.lower()


def _port(named: str, scheme: str, ports: Sequence[int]) -> int:
    port = int(named) if named else DEFAULT_PORTS[scheme]
    if not 0 < port <= _MAX_PORT:
        raise BadUrlError("the URL's port is not a port")
    if ports and port != DEFAULT_PORTS[scheme] and port not in ports:
        raise BadUrlError(f"port {port} is not among those that are reached")
    return port
