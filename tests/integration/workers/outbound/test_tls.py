"""TLS: the name in the URL is verified although the connection goes to an address."""

import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from tests.servers.scripted import forever, reply, scripted
from tests.support.outbound import (
    PUBLIC,
    QUICK,
    Names,
    Wires,
    listening,
    names,
    outbound_settings,
)
from workers.outbound import (
    BadUrlError,
    Outbound,
    OutboundError,
    OutboundSettings,
    TimedOutError,
    UntrustedCertificateError,
)

NAME = "pictures.example"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """The authority that the client trusts."""
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its certificate."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """A client's context that trusts it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


def serving(leaf: trustme.LeafCert) -> ssl.SSLContext:
    """A server's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context


def client(trusting: ssl.SSLContext, resolve: Names) -> Outbound:
    """A client that finds every name on loopback, and may go there."""
    settings = outbound_settings("127.0.0.1/32")
    return Outbound(settings, resolve=resolve, ssl_context=trusting)


def test_a_picture_comes_over_https_from_a_network_that_the_operator_allows(
    authority: trustme.CA, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = serving(authority.issue_cert("localhost"))
    monkeypatch.setenv("BOTTEGA_OUTBOUND_ALLOW", '["127.0.0.1/32", "::1/128"]')
    monkeypatch.setenv("BOTTEGA_OUTBOUND_CA_FILE", str(ca_file))
    monkeypatch.setenv("BOTTEGA_OUTBOUND_PORTS", "[]")
    with scripted(reply(body=b"a picture", content_type="image/png"), tls) as server:
        url = f"https://localhost:{server.port}/a.png?size=1"
        answer = Outbound(OutboundSettings()).get(url, max_bytes=1000)

    assert (answer.status, answer.body) == (200, b"a picture")
    assert answer.headers["content-type"] == "image/png"
    assert server.requests[0].startswith(b"GET /a.png?size=1 HTTP/1.1\r\n")


def test_the_name_is_sent_and_verified_though_the_address_was_looked_up_before(
    authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    asked_for: list[str | None] = []
    tls = serving(authority.issue_cert(NAME))
    tls.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    resolve = names(pictures=PUBLIC)
    with scripted(reply(body=b"x"), tls) as server:
        wires = Wires({PUBLIC: server.port})
        outbound = Outbound(
            outbound_settings(), resolve=resolve, connector=wires, ssl_context=trusting
        )
        assert outbound.get(f"https://{NAME}/", max_bytes=10).body == b"x"
        assert outbound.post(f"https://{NAME}/", b"{}", headers={}).status == 200

    assert asked_for == [NAME, NAME]
    assert wires.used == [PUBLIC, PUBLIC]
    assert b"\r\nHost: pictures.example\r\n" in server.requests[0]


def test_a_certificate_of_another_name_is_refused_and_no_request_is_sent(
    authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    assert_refused(serving(authority.issue_cert("other.example")), trusting)


def test_a_certificate_of_the_address_does_not_stand_for_the_name(
    authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    assert_refused(serving(authority.issue_cert("127.0.0.1")), trusting)


def test_a_certificate_that_nobody_trusted_signed_is_refused(trusting: ssl.SSLContext) -> None:
    assert_refused(serving(trustme.CA().issue_cert(NAME)), trusting)


def test_an_expired_certificate_is_refused(authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    leaf = authority.issue_cert(NAME, not_before=yesterday - timedelta(days=1), not_after=yesterday)
    assert_refused(serving(leaf), trusting)


def assert_refused(tls: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    with scripted(reply(body=b"x"), tls) as server:
        outbound = client(trusting, names(pictures="127.0.0.1"))
        with pytest.raises(UntrustedCertificateError):
            outbound.get(f"https://{NAME}:{server.port}/?token=s3cret", max_bytes=10)
        with pytest.raises(UntrustedCertificateError):
            outbound.post(f"https://{NAME}:{server.port}/", b"secret", headers={})

    assert server.connections == 2
    assert server.requests == []


def test_without_a_file_of_its_own_only_the_systems_authorities_are_trusted(
    authority: trustme.CA,
) -> None:
    tls = serving(authority.issue_cert("127.0.0.1"))
    with scripted(reply(body=b"x"), tls) as server, pytest.raises(UntrustedCertificateError):
        Outbound(outbound_settings("127.0.0.1/32")).get(
            f"https://127.0.0.1:{server.port}/", max_bytes=10
        )


def test_an_address_in_the_url_is_verified_as_an_address(
    authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    with scripted(reply(body=b"x"), serving(authority.issue_cert("127.0.0.1"))) as server:
        answer = client(trusting, names()).get(f"https://127.0.0.1:{server.port}/", max_bytes=10)

    assert answer.body == b"x"


def test_a_redirect_from_https_to_http_is_refused(
    authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    tls = serving(authority.issue_cert(NAME))
    with listening() as listener:
        location = f"http://127.0.0.1:{listener.port}/"
        with scripted(reply(302, location=location), tls) as server:
            outbound = client(trusting, names(pictures="127.0.0.1"))
            with pytest.raises(BadUrlError, match="https://"):
                outbound.get(f"https://{NAME}:{server.port}/", max_bytes=10)
        assert not listener.took_a_connection()


@pytest.mark.parametrize("start", [b"", b"\x16\x03\x03\x40\x00"])
def test_a_handshake_that_drips_is_left_in_time(start: bytes, trusting: ssl.SSLContext) -> None:
    began = time.monotonic()
    with scripted(forever(start, b"\x02" if start else b"", 0.02), reads=False) as server:
        outbound = client(trusting, names(pictures="127.0.0.1"))
        with pytest.raises(TimedOutError):
            outbound.get(f"https://{NAME}:{server.port}/", max_bytes=10, timeouts=QUICK)

    assert time.monotonic() - began < 3


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 200 OK\r\n\r\n", b"SSH-2.0-x\r\n", b"\x00" * 99])
def test_a_server_that_speaks_no_tls_is_refused(greeting: bytes, trusting: ssl.SSLContext) -> None:
    with scripted(lambda _request: [greeting], reads=False) as server:
        outbound = client(trusting, names(pictures="127.0.0.1"))
        with pytest.raises(OutboundError) as refused:
            outbound.get(f"https://{NAME}:{server.port}/", max_bytes=10, timeouts=QUICK)

    assert isinstance(refused.value, UntrustedCertificateError)


def test_a_server_that_only_speaks_old_tls_is_refused(
    authority: trustme.CA, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = serving(authority.issue_cert("127.0.0.1"))
    tls.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        tls.minimum_version = tls.maximum_version = ssl.TLSVersion.TLSv1_1
    monkeypatch.setenv("BOTTEGA_OUTBOUND_ALLOW", '["127.0.0.1/32"]')
    monkeypatch.setenv("BOTTEGA_OUTBOUND_CA_FILE", str(ca_file))
    monkeypatch.setenv("BOTTEGA_OUTBOUND_PORTS", "[]")
    with scripted(reply(body=b"x"), tls) as server, pytest.raises(UntrustedCertificateError):
        Outbound(OutboundSettings()).get(f"https://127.0.0.1:{server.port}/", max_bytes=10)
