"""The client's address behind proxies that are trusted, and ones that are not."""

from ipaddress import ip_network

import pytest

from api.core.client_address import (
    apply_forwarded_headers,
    client_address,
    client_network,
    is_within,
)

TRUSTED = [ip_network(text) for text in ("10.0.0.0/8", "fd00::/8", "127.0.0.1/32")]


def seen(peer: str | None, *forwarded: bytes, proto: bytes | None = None) -> tuple[str, str]:
    """The client's address and scheme of a request from a peer with these headers."""
    headers = [(b"x-forwarded-for", line) for line in forwarded]
    headers += [(b"x-forwarded-proto", proto)] if proto is not None else []
    client = None if peer is None else (peer, 1234)
    scope = {"type": "http", "client": client, "scheme": "http", "headers": headers}
    apply_forwarded_headers(scope, TRUSTED)
    return client_address(scope), scope["scheme"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", [b"198.51.100.7"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.7"], "198.51.100.7"),
        ("::ffff:10.0.0.1", [b"198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", [b"203.0.113.5, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", [b"203.0.113.5, 198.51.100.7, 10.0.0.9"], "198.51.100.7"),
        ("10.0.0.1", [b"203.0.113.5", b"198.51.100.7,127.0.0.1"], "198.51.100.7"),
        ("10.0.0.1", [b"10.0.0.7, 10.0.0.9"], "10.0.0.7"),
        ("fd00::1", [b"2001:db8::7"], "2001:db8::7"),
        ("10.0.0.1", [b"198.51.100.7, nonsense"], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.7:443"], "10.0.0.1"),
        ("10.0.0.1", [b""], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.7,"], "10.0.0.1"),
        ("testclient", [b"198.51.100.7"], "testclient"),
        (None, [b"198.51.100.7"], ""),
    ],
)
def test_the_right_most_untrusted_address_is_the_client(
    peer: str | None, forwarded: list[bytes], client: str
) -> None:
    assert seen(peer, *forwarded)[0] == client


@pytest.mark.parametrize(
    ("peer", "proto", "scheme"),
    [
        ("10.0.0.1", b"https", "https"),
        ("10.0.0.1", b" HTTPS ", "https"),
        ("10.0.0.1", b"javascript", "http"),
        ("10.0.0.1", None, "http"),
        ("192.0.2.1", b"https", "http"),
    ],
)
def test_a_trusted_proxy_names_the_scheme(peer: str, proto: bytes | None, scheme: str) -> None:
    assert seen(peer, proto=proto)[1] == scheme


def test_limits_count_an_ipv6_site_as_one_client() -> None:
    assert client_network("2001:db8::1") == client_network("2001:db8::ffff:1") == "2001:db8::/64"
    assert client_network("2001:db8:0:1::1") != client_network("2001:db8::1")
    assert client_network("::ffff:192.0.2.1") == client_network("192.0.2.1") == "192.0.2.1"
    assert client_network("") == ""


def test_without_networks_no_address_is_within() -> None:
    assert not is_within("10.0.0.1", [])
    assert not is_within("nonsense", TRUSTED)
