"""Redirects: few, each one checked again, none for POST."""

from collections.abc import Iterator

import pytest

from tests.servers.scripted import Script, reply, scripted
from tests.support.outbound import PUBLIC, Listener, Wires, guarded, listening, local, names
from workers.outbound import (
    OutboundError,
    TooManyRedirectsError,
    UnreachableError,
    UpstreamStatusError,
)


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A port that must see no connection."""
    with listening() as opened:
        yield opened


@pytest.mark.parametrize(
    "location",
    [
        *("http://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "http://[::1]:{port}/"),
        *("http://0.0.0.0:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://127.1:{port}/"),
        *("http://2130706433:{port}/", "http://inside.example:{port}/", "file:///etc/passwd"),
        *("http://user@pictures.example/", "http://[::1/", "https://0x7f000001:{port}/"),
        *("http://169.254.169.254/latest/meta-data/", "gopher://127.0.0.1:{port}/"),
    ],
)
def test_a_redirect_to_such_an_address_is_refused(location: str, listener: Listener) -> None:
    target = location.format(port=listener.port)
    with scripted(reply(302, location=target)) as server:
        resolve = names(pictures=PUBLIC, inside="127.0.0.1")
        wires = Wires({PUBLIC: server.port})

        with pytest.raises(OutboundError) as refused:
            guarded(resolve, wires).get("http://pictures.example/", max_bytes=100)

    assert not isinstance(refused.value, TooManyRedirectsError | UnreachableError)
    assert wires.used == [PUBLIC]
    assert server.connections == 1
    assert not listener.took_a_connection()


def test_each_hop_of_a_redirect_is_looked_up_and_checked_again() -> None:
    with (
        scripted(reply(body=b"here")) as last,
        scripted(reply(307, location="http://other.example/b?c=d#e")) as first,
    ):
        resolve = names(pictures=PUBLIC, other="9.9.9.9")
        wires = Wires({PUBLIC: first.port, "9.9.9.9": last.port})

        answer = guarded(resolve, wires).get("http://pictures.example/a", max_bytes=100)

    assert answer.body == b"here"
    assert resolve.asked == ["pictures.example", "other.example"]
    assert wires.used == [PUBLIC, "9.9.9.9"]
    assert last.requests[0].startswith(b"GET /b?c=d HTTP/1.1\r\n")
    assert b"\r\nHost: other.example\r\n" in last.requests[0]


def chain(length: int) -> Script:
    """Answers /0 with a redirect to /1, and so on; the last with a body."""

    def script(request: bytes) -> list[bytes]:
        n = int(request.split()[1][1:])
        answer = reply(body=b"end") if n == length else reply(301, location=f"{n + 1}")
        return list(answer(request))

    return script


def test_three_redirects_are_followed_and_not_a_fourth() -> None:
    with scripted(chain(3)) as server:
        answer = local().get(f"http://127.0.0.1:{server.port}/0", max_bytes=100)
        assert answer.body == b"end"

    with scripted(chain(4)) as server:
        with pytest.raises(TooManyRedirectsError):
            local().get(f"http://127.0.0.1:{server.port}/0", max_bytes=100)
        assert server.connections == 4


def test_a_redirect_to_itself_ends() -> None:
    with scripted(reply(308, location="/")) as server:
        with pytest.raises(TooManyRedirectsError):
            local().get(f"http://127.0.0.1:{server.port}/", max_bytes=100)
        assert server.connections == 4


def test_a_cookie_of_one_hop_is_not_sent_to_the_next() -> None:
    def script(request: bytes) -> list[bytes]:
        if b"GET /0 " in request:
            return list(reply(302, location="/1", set_cookie="a=b")(request))
        return list(reply(body=b"x")(request))

    with scripted(script) as server:
        local().get(f"http://127.0.0.1:{server.port}/0", max_bytes=100)

    assert len(server.requests) == 2
    assert b"cookie" not in server.requests[1].lower()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_what_is_posted_is_never_sent_on(status: int, listener: Listener) -> None:
    target = f"http://127.0.0.1:{listener.port}/"
    with scripted(reply(status, b"moved", location=target)) as server:
        answer = local().post(f"http://127.0.0.1:{server.port}/", b"{}", headers={})

    assert (answer.status, answer.headers["location"], answer.body) == (status, target, b"moved")
    assert server.connections == 1
    assert not listener.took_a_connection()


@pytest.mark.parametrize(
    "script", [reply(302), reply(300, location="/1"), reply(304, location="/")]
)
def test_a_redirect_that_leads_nowhere_is_a_status_and_no_answer(script: Script) -> None:
    with scripted(script) as server, pytest.raises(UpstreamStatusError, match="30"):
        local().get(f"http://127.0.0.1:{server.port}/", max_bytes=100)
