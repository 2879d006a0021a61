"""Nothing is sent to an address that is not public: not by number, by name or by rebinding."""

import socket
from collections.abc import Callable, Iterator

import pytest

from tests.servers.scripted import reply, scripted
from tests.support.outbound import (
    PUBLIC,
    QUICK,
    Listener,
    Names,
    Wires,
    guarded,
    listening,
    names,
    outbound_settings,
)
from workers.outbound import (
    BadUrlError,
    Outbound,
    OutboundError,
    RefusedAddressError,
)

LITERALS = [
    *("127.0.0.1", "127.1", "127.0.1", "0x7f000001", "0x7f.0.0.1", "2130706433", "0177.0.0.1"),
    *("017700000001", "127.0.0.1.", "0.0.0.0", "0", "[::]", "[::1]", "[::ffff:127.0.0.1]"),
    *("[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:0001]", "[::7f00:1]", "[::ffff:0:7f00:1]"),
    *("[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::80ff:fffe]"),
    *("[fe80::1]", "[fe80::1%25lo]", "[fec0::1]", "[fd00:ec2::254]", "[ff02::1]", "[2001:db8::1]"),
    *("169.254.169.254", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "2852039166", "0xa9fea9fe"),
    *("10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "100.100.100.200", "192.0.0.192"),
    *("192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "168.63.129.16"),
    *("224.0.0.1", "240.0.0.1", "255.255.255.255", "0.1.2.3", "localhost@127.0.0.1"),
    *("pictures.example@127.0.0.1", "127.0.0.1#@pictures.example", "127.0.0.1%2f@pictures.example"),
    *(
        "127%2e0.0.1",
        "\uff11\uff12\uff17.0.0.1",
        "127\u30020\u30020\u30021",
        "\u24db\u24deocalhost",
    ),
]
ADDRESSES = [
    *("127.0.0.1", "0.0.0.0", "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::7f00:1"),
    *("10.0.0.1", "172.31.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "192.0.0.8"),
    *("192.0.2.1", "198.18.0.1", "203.0.113.9", "168.63.129.16", "224.0.0.1", "255.255.255.255"),
    *("64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::808:808", "2002:7f00:1::", "2001::7f00:1"),
    *("fe80::1", "fe80::1%1", "fec0::1", "fd00::1", "ff02::1", "2001:db8::1", "3fff::1"),
]
Use = Callable[[Outbound, str], object]
USES: dict[str, Use] = {
    "get": lambda outbound, url: outbound.get(url, max_bytes=1000),
    "ask": lambda outbound, url: outbound.ask(url, headers={}, max_bytes=1000),
    "post": lambda outbound, url: outbound.post(url, b"{}", headers={}),
    "check": lambda outbound, url: outbound.check(url),
}


@pytest.fixture(params=USES)
def use(request: pytest.FixtureRequest) -> Use:
    """A use of a URL by one of the client's methods."""
    return USES[request.param]


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A port that must see no connection."""
    with listening() as opened:
        yield opened


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", LITERALS)
def test_an_address_in_the_url_is_refused_and_nothing_is_sent(
    host: str, scheme: str, use: Use, listener: Listener
) -> None:
    resolve, wires = names(pictures=PUBLIC), Wires()

    with pytest.raises((BadUrlError, RefusedAddressError)):
        use(guarded(resolve, wires), f"{scheme}://{host}:{listener.port}/latest")
    with pytest.raises((BadUrlError, RefusedAddressError)):
        use(guarded(resolve, wires), f"{scheme}://{host}/latest")

    assert wires.used == []
    assert resolve.asked == []
    assert not listener.took_a_connection()


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_name_with_such_an_address_is_refused_and_nothing_is_sent(
    address: str, use: Use, listener: Listener
) -> None:
    url = f"http://evil.example:{listener.port}/"

    for answer in (address, f"{PUBLIC} {address}", f"{address} {PUBLIC}"):
        resolve, wires = names(evil=answer), Wires({PUBLIC: listener.port})
        with pytest.raises(RefusedAddressError):
            use(guarded(resolve, wires), url)
        assert wires.used == []
        assert resolve.asked == ["evil.example"]

    assert not listener.took_a_connection()


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]", "localhost"])
def test_the_listener_would_have_seen_it(address: str, listener: Listener) -> None:
    outbound = Outbound(outbound_settings("127.0.0.1/32", "::1/128"))

    with pytest.raises(OutboundError) as refused:  # nobody answers in TLS
        outbound.get(f"https://{address}:{listener.port}/", max_bytes=1, timeouts=QUICK)

    assert not isinstance(refused.value, RefusedAddressError)
    assert listener.took_a_connection()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_localhost_as_the_system_resolves_it_is_refused(
    scheme: str, use: Use, listener: Listener
) -> None:
    outbound = Outbound(outbound_settings(allow_http=True))

    with pytest.raises(RefusedAddressError):
        use(outbound, f"{scheme}://localhost:{listener.port}/")

    assert not listener.took_a_connection()


def test_a_name_is_looked_up_once_and_the_connection_goes_where_it_was_checked(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted(reply(body=b"public")) as server:
        resolve = Names({"rebinding.example": [[PUBLIC], ["127.0.0.1"]]})
        wires = Wires({PUBLIC: server.port})
        outbound = guarded(resolve, wires)
        monkeypatch.setattr(socket, "getaddrinfo", _looked_up_again)

        answer = outbound.get(f"http://rebinding.example:{listener.port}/", max_bytes=100)

    assert answer.body == b"public"
    assert resolve.asked == ["rebinding.example"]
    assert wires.used == [PUBLIC]
    assert f"Host: rebinding.example:{listener.port}".encode() in server.requests[0]
    assert not listener.took_a_connection()


def _looked_up_again(*_: object, **__: object) -> None:
    pytest.fail("a name was looked up behind the guard's back")


def test_a_name_that_moves_to_loopback_is_refused_at_the_next_request(
    listener: Listener,
) -> None:
    url = f"http://rebinding.example:{listener.port}/"
    with scripted(reply(body=b"public")) as server:
        resolve = Names({"rebinding.example": [[PUBLIC], ["127.0.0.1"]]})
        outbound = guarded(resolve, Wires({PUBLIC: server.port}))
        outbound.get(url, max_bytes=100)

        with pytest.raises(RefusedAddressError):
            outbound.get(url, max_bytes=100)

    assert server.connections == 1
    assert not listener.took_a_connection()
