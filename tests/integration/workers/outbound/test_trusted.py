"""URLs that the operator names may have any address; no other URL may."""

import pytest

from tests.servers.scripted import reply, scripted
from tests.support.outbound import (
    PUBLIC,
    QUICK,
    Wires,
    listening,
    names,
    outbound_settings,
    trusting_nobody,
)
from workers.outbound import (
    BadUrlError,
    Outbound,
    OutboundError,
    RefusedAddressError,
    TooLargeError,
)


def trusting(*urls: str) -> Outbound:
    """A client of an operator who allows nothing else."""
    return Outbound(outbound_settings(), trusted=urls, ssl_context=trusting_nobody())


def test_the_operators_own_host_is_reached_on_a_private_address_by_plain_http() -> None:
    with scripted(reply(body=b"hello")) as server:
        url = f"http://127.0.0.1:{server.port}"
        outbound = trusting(f"{url}/prefix")
        assert outbound.get(f"{url}/a", max_bytes=100).body == b"hello"
        assert outbound.post(f"{url}/a", b"{}", headers={}).status == 200
        assert outbound.ask(f"{url}/a", headers={}, max_bytes=100).body == b"hello"


def test_another_port_or_scheme_of_that_host_is_not() -> None:
    with listening() as listener:
        outbound = trusting("http://127.0.0.1:1/", f"https://127.0.0.1:{listener.port}/")
        with pytest.raises(BadUrlError):
            outbound.get(f"http://127.0.0.1:{listener.port}/", max_bytes=1, timeouts=QUICK)
        with pytest.raises(RefusedAddressError):
            trusting("http://127.0.0.1:1/").get("https://127.0.0.1/", max_bytes=1)
        assert not listener.took_a_connection()


def test_a_name_of_the_operators_is_reached_where_it_resolves_to() -> None:
    with scripted(reply(body=b"inside")) as server:
        wires = Wires({"10.1.2.3": server.port})
        outbound = Outbound(
            outbound_settings(),
            trusted=["http://upstream.example:8080"],
            resolve=names(upstream="10.1.2.3", other="10.1.2.3"),
            connector=wires,
            ssl_context=trusting_nobody(),
        )
        assert outbound.get("http://upstream.example:8080/", max_bytes=100).body == b"inside"
        with pytest.raises(RefusedAddressError):
            outbound.get("https://other.example/", max_bytes=100)


def test_it_does_not_lead_on_to_where_users_may_not_go() -> None:
    with listening() as inner:
        away = reply(302, location=f"http://127.0.0.1:{inner.port}/")
        with scripted(away) as server, pytest.raises(OutboundError):
            trusting(f"http://127.0.0.1:{server.port}").get(
                f"http://127.0.0.1:{server.port}/", max_bytes=1, timeouts=QUICK
            )
        assert not inner.took_a_connection()


def test_what_is_trusted_is_told_by_scheme_host_and_port() -> None:
    outbound = trusting("https://Upstream.example/v1")
    assert outbound.trusts("https://upstream.example:443/other")
    assert not outbound.trusts("http://upstream.example/")
    assert not outbound.trusts("https://upstream.example.evil.example/")
    with pytest.raises(BadUrlError):
        outbound.trusts("https://upstream.example@evil.example/")


@pytest.mark.parametrize("status", [200, 302, 404, 429, 503])
def test_every_status_is_an_answer_with_headers_and_body(status: int) -> None:
    script = reply(status, b'{"detail": 1}', retry_after="7", location="http://10.0.0.1/")
    with scripted(script) as server:
        url = f"http://127.0.0.1:{server.port}/v1"
        answer = trusting(url).ask(url, headers={"Accept": "application/json"}, max_bytes=100)
    assert (answer.status, answer.body) == (status, b'{"detail": 1}')
    assert answer.headers["retry-after"] == "7"
    assert b"Accept: application/json" in server.requests[0]


def test_an_answer_that_is_too_long_is_none() -> None:
    with scripted(reply(500, b"x" * 101)) as server:
        url = f"http://127.0.0.1:{server.port}/"
        with pytest.raises(TooLargeError):
            trusting(url).ask(url, headers={}, max_bytes=100)


def test_the_public_internet_is_as_open_as_before() -> None:
    with scripted(reply(body=b"x")) as server:
        outbound = Outbound(
            outbound_settings(allow_http=True),
            trusted=["http://10.0.0.1"],
            resolve=names(pictures=PUBLIC),
            connector=Wires({PUBLIC: server.port}),
            ssl_context=trusting_nobody(),
        )
        assert outbound.get("http://pictures.example/", max_bytes=10).body == b"x"
