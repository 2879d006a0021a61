"""Limits of connections, before a real server and over real sockets."""

import contextlib
import socket
import time

import pytest
from prometheus_client import REGISTRY

from tests.support.guarded_server import (
    GuardedServer,
    guarded_server,
    status_of,
    until_closed,
)

GET = b"GET /read HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


def is_closed(connection: socket.socket) -> bool:
    connection.settimeout(0.01)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


def test_a_request_must_arrive_in_time_and_one_that_runs_is_not_cut() -> None:
    limits = {"header_seconds": 0.5, "body_seconds": 0.5, "min_body_bytes_per_second": 1000}
    with guarded_server(**limits, keep_alive_seconds=30) as server:
        silent = server.connect()
        begun = server.connect(b"GET /read HTTP/1.1\r\nHost")
        half = server.connect(POST % 1000 + b"{")
        running = server.connect(GET.replace(b"/read", b"/hang"))
        idle = server.connect()
        assert server.get("/read", idle) == 200
        assert until_closed(silent) == b""
        assert status_of(until_closed(begun)) == 408
        assert b"body came too slowly" in until_closed(half)
        assert status_of(running.recv(1000)) == 200
        assert not is_closed(idle)  # its pause may be longer than a header takes
        idle.settimeout(20)
        idle.sendall(b"G")
        assert status_of(until_closed(idle)) == 408


def test_a_body_of_a_byte_now_and_then_is_cut_and_a_steady_one_is_read() -> None:
    limits = {"body_seconds": 0.5, "min_body_bytes_per_second": 1000}
    with guarded_server(**limits) as server:
        slow, steady = server.connect(POST % 1000), server.connect(POST % 30_000)
        began, cut = time.monotonic(), False
        for _ in range(15):
            steady.sendall(b"x" * 2000)
            if not cut:
                try:
                    slow.sendall(b"x")
                except OSError:
                    cut = True
            time.sleep(0.2)  # the rate is the point
        assert time.monotonic() - began < 20
        assert steady.recv(1000).endswith(b"30000")
        assert status_of(until_closed(slow)) in {408, 0}
        assert is_closed(slow)


def test_a_scrape_sees_the_open_connections_and_their_limit() -> None:
    def gauge(name: str) -> float:
        return REGISTRY.get_sample_value(f"bottega_connections_{name}") or 0.0

    before = gauge("open")
    with guarded_server(max_connections=7) as server:
        server.connect()
        assert server.get("/read") == 200
        assert gauge("limit") == 7
        assert gauge("open") >= before + 1


@pytest.mark.parametrize(
    "header",
    [
        b"X: " + b"x" * 10_000_000,
        b"X: y\r\n" * 1_000_000,
        b"x" * 1_000_000,
    ],
)
def test_a_header_larger_than_its_limit_is_refused(header: bytes) -> None:
    with guarded_server() as server:
        connection = server.connect(b"GET /read HTTP/1.1\r\nHost: x\r\n")
        with contextlib.suppress(OSError):
            connection.sendall(header)
        assert status_of(until_closed(connection)) in {431, 400, 0}
        assert server.get("/read") == 200


def test_a_header_up_to_the_limit_is_read_also_behind_another_request() -> None:
    large = b"GET /read HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 31_000 + b"\r\n\r\n"
    with guarded_server() as server:
        connection = server.connect(POST % 200_000 + b"x" * 200_000 + large)
        answers = b""
        while answers.count(b"HTTP/1.1 200 OK") < 2 or not answers.endswith(b"\r\n\r\n0"):
            answers += connection.recv(1000)
        assert b"\r\n\r\n200000HTTP/1.1 200 OK" in answers
        too_large = large.replace(b"X: ", b"X: " + b"x" * 5000)
        assert status_of(server.ask(too_large)) == 431


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /read HTTP/1.1\r\n\r\n", 400),
        (b"GET /read HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET /read HTTP/1.0\r\n\r\n", 200),
        (b"GET /read HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200),
    ],
)
def test_a_request_names_its_host_once(request_: bytes, status: int) -> None:
    with guarded_server() as server:
        assert status_of(server.ask(request_)) == status


def test_a_client_reads_its_refusal_while_it_still_sends() -> None:
    with guarded_server() as server:
        connection = server.connect(b"POST /refuse HTTP/1.1\r\nHost: x\r\n")
        connection.sendall(b"Content-Length: 60000000\r\n\r\n")
        for _ in range(20):
            connection.sendall(b"x" * 100_000)
        assert status_of(until_closed(connection)) == 401


def fill(server: GuardedServer, count: int) -> list[socket.socket]:
    """Connections that have a request: none of them makes room."""
    request = POST % 10 + b"x"
    return [server.connect(request) for _ in range(count)]


def test_silent_connections_make_room_and_busy_ones_do_not() -> None:
    with guarded_server(max_connections_per_address=20) as server:
        silent = [server.connect() for _ in range(50)]
        assert server.get("/read") == 200
        assert sum(map(is_closed, silent)) >= 30
        busy = fill(server, 20)
        answer = server.ask(GET)
        assert status_of(answer) == 429
        assert b"retry-after: 2" in answer
        assert b"too_many_connections" in answer
        assert server.get("/livez") == 200
        for connection in busy:
            connection.sendall(b"x" * 9)
            assert status_of(connection.recv(1000)) == 200
        assert server.get("/read") == 200


def test_the_process_has_a_limit_too_and_proxies_no_limit_of_their_own() -> None:
    trusted = {"trusted_proxies": ["127.0.0.0/8"]}
    limits = {"max_connections": 20, "max_connections_per_address": 2}
    with guarded_server(**limits, api=trusted) as server:
        busy = fill(server, 20)
        assert status_of(server.ask(GET)) == 503
        assert server.get("/livez") == 200
        assert not any(map(is_closed, busy))
