"""Servers that are slow, endless, lying or broken cost a bounded time and a bounded memory."""

import gzip
import time
import traceback
from collections.abc import Iterator

import pytest

from tests.servers.scripted import Script, forever, head, reply, scripted
from tests.support.outbound import (
    PUBLIC,
    QUICK,
    Wires,
    guarded,
    listening,
    local,
    names,
    outbound_settings,
)
from workers.outbound import (
    BadUrlError,
    BrokenAnswerError,
    Outbound,
    OutboundError,
    TimedOutError,
    Timeouts,
    TooLargeError,
    UnreachableError,
    UpstreamStatusError,
)

SOON_SECONDS = 3
CHUNK = b"3e8\r\n" + b"x" * 1000 + b"\r\n"
PAUSE_SECONDS = 0.02


def silence(_request: bytes) -> Iterator[float]:
    """Send nothing for a long time."""
    yield 60


def fetched(script: Script, *, max_bytes: int = 10_000, timeouts: Timeouts = QUICK) -> bytes:
    """The result of a GET of this server, which must end soon and take little memory."""
    began = time.monotonic()
    with scripted(script) as server:
        try:
            url = f"http://127.0.0.1:{server.port}/a?token=s3cret"
            return local().get(url, max_bytes=max_bytes, timeouts=timeouts).body
        finally:
            assert time.monotonic() - began < SOON_SECONDS
            assert server.connections == 1
            assert server.bytes_sent < max_bytes + 20_000_000  # what sockets hold


@pytest.mark.parametrize(
    "script",
    [
        silence,
        forever(b"HTTP/1.1 200 OK\r\n", b"x", PAUSE_SECONDS),
        forever(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n", PAUSE_SECONDS),
        forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n", PAUSE_SECONDS),
        forever(head(200), b"x", PAUSE_SECONDS),
        forever(head(200, content_length="9000"), b"x", PAUSE_SECONDS),
        forever(head(200, transfer_encoding="chunked"), b"1\r\nx\r\n", PAUSE_SECONDS),
        forever(head(200, transfer_encoding="chunked") + b"1;", b"e", PAUSE_SECONDS),
        lambda _request: [head(200, content_length="10"), b"12345", 60.0],
    ],
    ids=[
        *("silence", "a dripped header", "dripped headers", "interim answers", "a dripped body"),
        *("a dripped length", "dripped chunks", "a dripped extension", "a stall"),
    ],
)
def test_a_server_that_drips_is_left_at_the_deadline(script: Script) -> None:
    with pytest.raises(TimedOutError):
        fetched(script)


def test_the_deadline_spans_all_redirects() -> None:
    def script(_request: bytes) -> Iterator[bytes | float]:
        yield 0.25
        yield head(302, location="/", content_length="0")

    began = time.monotonic()
    with scripted(script) as server, pytest.raises(TimedOutError):
        local().get(f"http://127.0.0.1:{server.port}/", max_bytes=10, timeouts=QUICK)

    assert server.connections > 1
    assert time.monotonic() - began < SOON_SECONDS


def test_a_silence_within_the_limits_is_waited_for() -> None:
    answer = fetched(lambda request: [0.1, *reply(body=b"late")(request)], timeouts=Timeouts())

    assert answer == b"late"


@pytest.mark.parametrize(
    "script",
    [
        forever(head(200), b"x" * 1000),
        forever(head(200, transfer_encoding="chunked"), CHUNK),
        forever(head(200, content_length="10", transfer_encoding="chunked"), CHUNK),
        forever(head(200, content_length="10001"), b"x" * 1000),
        lambda _request: [head(200, content_length=str(10**15))],
        reply(body=b"x" * 10_001),
        reply(body=gzip.compress(bytes(10_001)), content_encoding="gzip"),
        reply(body=gzip.compress(bytes(10**8)), content_encoding="gzip"),
        forever(head(200, content_encoding="gzip") + gzip.compress(b"x")[:12], bytes(1000)),
    ],
    ids=[
        *("endless", "endless chunks", "chunks that belie a length", "a large length"),
        *("a huge length", "a byte too many", "a byte too many in gzip", "a bomb", "endless gzip"),
    ],
)
def test_an_answer_with_more_bytes_than_are_wanted_is_left(script: Script) -> None:
    with pytest.raises((TooLargeError, BrokenAnswerError)) as left:
        fetched(script, timeouts=Timeouts())

    assert isinstance(left.value, TooLargeError) or "compressed" in str(left.value)


def test_what_comes_beyond_the_length_that_was_said_is_not_taken() -> None:
    assert fetched(lambda _request: [head(200, content_length="3"), b"abcdef"]) == b"abc"


@pytest.mark.parametrize(
    "script",
    [
        lambda _request: [],
        lambda _request: [b"SSH-2.0-OpenSSH_9.9\r\n"],
        lambda _request: [b"+PONG\r\n"],
        lambda _request: [b"\x15\x03\x01\x00\x02\x02\x46"],
        lambda _request: [b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345"],
        lambda _request: [b"HTTP/1.1 200 OK\r\ncontent-le"],
        lambda _request: [head(200, content_length="-1"), b"x"],
        lambda _request: [head(200, content_length="9" * 5000), b"x"],
        lambda _request: [head(200, content_length="1, 2"), b"xx"],
        lambda _request: [head(200, transfer_encoding="chunked"), b"zz\r\n"],
        lambda _request: [head(200, transfer_encoding="chunked"), b"5\r\nab"],
        lambda _request: [head(200, content_encoding="br", content_length="1"), b"x"],
        lambda _request: [head(200, x="y" * 200_000), b"x"],
        lambda _request: [head(101), b"x"],
    ],
)
def test_an_answer_that_is_not_http_or_breaks_off_is_refused(script: Script) -> None:
    with pytest.raises(BrokenAnswerError):
        fetched(script)


@pytest.mark.parametrize("status", [201, 204, 206, 400, 401, 404, 410, 429, 500, 503])
def test_only_200_brings_what_was_asked_for(status: int) -> None:
    with pytest.raises(UpstreamStatusError) as refused:
        fetched(lambda _request: [head(status), b"secret"])

    assert refused.value.status == status


def test_a_host_that_takes_no_connection_is_unreachable() -> None:
    with listening() as listener:
        port = listener.port

    with pytest.raises(UnreachableError):
        local().get(f"http://127.0.0.1:{port}/", max_bytes=10)
    with pytest.raises(UnreachableError):
        guarded(names(), Wires()).get("http://unknown.example/", max_bytes=10)
    with pytest.raises(UnreachableError):
        guarded(names(empty=""), Wires()).get("http://empty.example/", max_bytes=10)


def test_the_next_address_is_tried_where_the_first_takes_no_connection() -> None:
    with scripted(reply(body=b"second")) as server:
        wires = Wires({"9.9.9.9": server.port})
        outbound = guarded(names(pictures=f"{PUBLIC} 9.9.9.9"), wires)

        assert outbound.get("http://pictures.example/", max_bytes=10).body == b"second"

    assert wires.used == [PUBLIC, "9.9.9.9"]


def test_no_more_than_four_addresses_are_tried() -> None:
    wires = Wires()
    outbound = guarded(names(many=" ".join(f"9.9.9.{n}" for n in range(50))), wires)

    with pytest.raises(UnreachableError):
        outbound.get("http://many.example/", max_bytes=10)

    assert len(wires.used) == 4


def test_a_post_sends_its_bytes_and_headers_and_brings_the_status() -> None:
    with scripted(reply(429, b"later", retry_after="7")) as server:
        answer = local().post(
            f"http://127.0.0.1:{server.port}/hook?a=b",
            b'{"x": 1}',
            headers={"Content-Type": "application/json", "webhook-id": "msg_1"},
        )

    request = server.requests[0]
    assert request.startswith(b"POST /hook?a=b HTTP/1.1\r\n")
    assert b"\r\nContent-Type: application/json\r\nwebhook-id: msg_1\r\n" in request
    assert request.endswith(b'\r\n\r\n{"x": 1}')
    assert (answer.status, answer.headers["retry-after"], answer.body) == (429, "7", b"later")


@pytest.mark.parametrize(
    "script",
    [
        forever(head(200), b"x" * 1000),
        forever(head(200) + b"x" * 20, b"x", PAUSE_SECONDS),
        lambda _request: [head(200, content_length="100"), b"x" * 20],
        lambda _request: [head(200, content_encoding="br"), b"x" * 20],
        lambda _request: [head(200, content_length=str(10**15)), b"x" * 20],
    ],
)
def test_the_status_of_a_post_counts_whatever_follows_it(script: Script) -> None:
    with scripted(script) as server:
        answer = local().post(
            f"http://127.0.0.1:{server.port}/",
            b"{}",
            headers={},
            max_answer_bytes=10,
            timeouts=QUICK,
        )

    assert (answer.status, answer.body) == (200, b"x" * 10)


def test_a_post_without_a_status_in_time_is_given_up() -> None:
    began = time.monotonic()
    with scripted(silence) as server, pytest.raises(TimedOutError):
        local().post(f"http://127.0.0.1:{server.port}/", b"{}", headers={}, timeouts=QUICK)

    assert time.monotonic() - began < SOON_SECONDS


def test_a_server_that_does_not_read_is_given_up() -> None:
    began = time.monotonic()
    with scripted(silence, reads=False) as server, pytest.raises(TimedOutError):
        local().post(
            f"http://127.0.0.1:{server.port}/", bytes(50_000_000), headers={}, timeouts=QUICK
        )

    assert time.monotonic() - began < SOON_SECONDS


def test_a_server_that_answers_without_reading_is_heard() -> None:
    with scripted(lambda _request: [head(413, content_length="0"), 1.0], reads=False) as server:
        answer = local().post(f"http://127.0.0.1:{server.port}/", b"{}", headers={}, timeouts=QUICK)

    assert answer.status == 413


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as proxy, scripted(reply(body=b"direct")) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            monkeypatch.setenv(name.upper(), f"http://127.0.0.1:{proxy.port}")

        answer = local().get(f"http://127.0.0.1:{server.port}/", max_bytes=100)

        assert answer.body == b"direct"
        assert not proxy.took_a_connection()


def test_a_request_carries_nothing_but_what_it_needs() -> None:
    with scripted(reply(body=b"x")) as server:
        local().get(f"http://127.0.0.1:{server.port}/a", max_bytes=100, accept="image/png")

    lines = server.requests[0].decode().split("\r\n")
    assert lines[0] == "GET /a HTTP/1.1"
    assert sorted(filter(None, lines[1:])) == [
        "Accept-Encoding: identity",
        "Accept: image/png",
        "Connection: close",
        f"Host: 127.0.0.1:{server.port}",
        "User-Agent: bottega",
    ]


@pytest.mark.parametrize(
    ("url", "script"),
    [
        ("http://user:s3cret@127.0.0.1:{port}/", silence),
        ("ftp://127.0.0.1:{port}/s3cret?s3cret", silence),
        ("http://127.0.0.1:{port}/s3cret?s3cret", silence),
        ("http://127.0.0.1:{port}/s3cret?s3cret", lambda _request: [b"s3cret\r\n\r\n"]),
        ("http://127.0.0.1:{port}/s3cret?s3cret", reply(404, b"s3cret")),
        ("http://127.0.0.1:{port}/s3cret?s3cret", reply(302, location="/s3cret?s3cret")),
        ("http://127.0.0.1:{port}/s3cret?s3cret", reply(302, location="ftp://s3cret@[x/")),
        ("http://127.0.0.1:{port}/s3cret?s3cret", reply(302, location="http://10.0.0.1/s3cret")),
        ("http://127.0.0.1:1/s3cret?s3cret", silence),
        ("http://unknown.example:{port}/s3cret?s3cret", silence),
    ],
)
def test_no_error_quotes_a_url(url: str, script: Script) -> None:
    outbound = Outbound(outbound_settings("127.0.0.1/32", allow_http=True), resolve=names())
    with scripted(script) as server, pytest.raises(OutboundError) as failed:
        outbound.get(url.format(port=server.port), max_bytes=10, timeouts=QUICK)

    told = "".join(traceback.format_exception_only(failed.value)) + repr(failed.value)
    assert "s3cret" not in told
    assert failed.value.__cause__ is None


def test_what_is_asked_for_must_be_within_the_ports() -> None:
    with listening() as listener:
        outbound = Outbound(outbound_settings("127.0.0.1/32", allow_http=True, ports=[8443]))
        with pytest.raises(BadUrlError, match="port"):
            outbound.get(f"http://127.0.0.1:{listener.port}/", max_bytes=10)
        assert not listener.took_a_connection()
