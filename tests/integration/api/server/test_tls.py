"""The TLS port before real sockets: the limits of connections hold from the first byte on."""

import contextlib
import logging
import socket
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from prometheus_client import REGISTRY

from deploy.local import certificates
from deploy.local.certificates import CertificateFiles, ensure_certificates
from tests.integration.api.server.test_connections import GET, POST
from tests.support.guarded_server import GuardedServer, guarded_server, status_of, until_closed


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    return ensure_certificates(tmp_path_factory.mktemp("tls"))


def secured(
    server: GuardedServer, files: CertificateFiles, *, name: str = "127.0.0.1"
) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=files.authority)
    raw = server.connect(port=server.tls_port)
    server.opened.remove(raw)
    connection = context.wrap_socket(raw, server_hostname=name)
    server.opened.append(connection)
    return connection


def ask(connection: socket.socket, sent: bytes = GET) -> int:
    """The status of an answer, read to its end."""
    connection.sendall(sent)
    answer = b""
    while not answer.endswith(b"\r\n\r\n0"):
        answer += connection.recv(1000)
    return status_of(answer)


def refused() -> float:
    return (
        REGISTRY.get_sample_value("bottega_requests_refused_total", {"reason": "tls_handshake"})
        or 0.0
    )


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_a_client_that_trusts_the_authority_is_answered(files: CertificateFiles, name: str) -> None:
    with guarded_server(certificate=files.server) as server, secured(server, files, name=name) as c:
        for _ in range(2):  # and its connection is kept
            assert ask(c) == 200
        assert server.get("/read") == 200  # by the other port, as ever


def test_a_client_that_does_not_trust_it_speaks_no_further(files: CertificateFiles) -> None:
    with guarded_server(certificate=files.server) as server:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"https://127.0.0.1:{server.tls_port}/read")
        with pytest.raises(ssl.SSLCertVerificationError):
            secured(server, files, name="example.org")


def test_a_request_sent_with_the_handshakes_last_bytes_is_answered(files: CertificateFiles) -> None:
    """Written by hand into one segment, as a fast client's kernel may."""
    context = ssl.create_default_context(cafile=files.authority)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with guarded_server(certificate=files.server) as server:
        raw = server.connect(port=server.tls_port)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                raw.sendall(outgoing.read())
                incoming.write(raw.recv(65_536))
        tls.write(GET)
        raw.sendall(outgoing.read())
        answer = b""
        while b"\r\n\r\n" not in answer:
            incoming.write(raw.recv(65_536))
            with contextlib.suppress(ssl.SSLWantReadError):
                answer += tls.read(65_536)
        assert status_of(answer) == 200


def test_a_handshake_that_does_not_end_is_cut(files: CertificateFiles) -> None:
    before = refused()
    with guarded_server(certificate=files.server, header_seconds=0.5) as server:
        silent = server.connect(port=server.tls_port)
        begun = server.connect(b"\x16\x03\x01\x02", port=server.tls_port)
        plain = server.connect(GET, port=server.tls_port)
        for connection in (silent, begun, plain):
            until_closed(connection)
        assert refused() - before == 3
        with secured(server, files) as client:
            assert ask(client) == 200


def test_a_silent_handshake_makes_room_for_another_connection(files: CertificateFiles) -> None:
    """It is counted before it is over, with those of the other port."""
    with guarded_server(certificate=files.server, max_connections=2) as server:
        silent = [server.connect(port=server.tls_port) for _ in range(2)]
        for connection in silent:  # each must have been accepted before the next ones come
            connection.settimeout(20)
        with secured(server, files) as client:
            assert silent[0].recv(1) == b""
            assert ask(client) == 200
            assert server.get("/read") == 200
            assert silent[1].recv(1) == b""


def test_the_limits_of_a_request_hold(files: CertificateFiles) -> None:
    limits = {"header_seconds": 0.5, "body_seconds": 0.5, "max_header_bytes": 2000}
    with guarded_server(certificate=files.server, **limits) as server:
        begun, half, large = (secured(server, files) for _ in range(3))
        begun.sendall(b"GET /read HTTP/1.1\r\nHost")
        half.sendall(POST % 1000 + b"{")
        large.sendall(b"GET /read HTTP/1.1\r\nX-Large: " + b"x" * 3000)
        assert status_of(until_closed(begun)) == 408
        assert status_of(until_closed(half)) == 408
        assert status_of(until_closed(large)) == 431


def test_handshakes_do_not_keep_the_server_from_stopping(
    files: CertificateFiles, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), guarded_server(certificate=files.server) as server:
        silent = server.connect(port=server.tls_port)
        assert ask(secured(server, files)) == 200
        opened = server.opened
        server.opened = []
        began = time.monotonic()
    assert time.monotonic() - began < 3
    assert until_closed(silent) == b""
    for connection in opened:
        connection.close()
    assert caplog.records == []  # and nothing is told as an error


def test_the_authority_vouches_for_no_other_name(tmp_path: Path) -> None:
    """Its key, stolen, makes no certificate that passes for another site."""
    files = ensure_certificates(tmp_path)
    authority = certificates._read(files.authority, tmp_path / "authority-key.pem")
    assert authority is not None
    forged = certificates._made_server(authority, ["example.org"], datetime.now(UTC))
    files.server.write_text(
        certificates._key_pem(forged.key) + certificates._certificate_pem(forged.certificate)
    )
    with (
        guarded_server(certificate=files.server) as server,
        pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"),
    ):
        secured(server, files, name="example.org")
