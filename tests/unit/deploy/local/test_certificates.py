"""The local stack's certificates: what is kept, what is renewed, and who can read it."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from deploy.local.certificates import CertificateFiles, ensure_certificates

NOW = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def made(folder: Path, *names: str, after: timedelta = timedelta()) -> tuple[bytes, bytes]:
    """The contents of the authority's and the server's file."""
    files = ensure(folder, *names, after=after)
    return files.authority.read_bytes(), files.server.read_bytes()


def ensure(folder: Path, *names: str, after: timedelta = timedelta()) -> CertificateFiles:
    return ensure_certificates(folder, names or ("localhost", "127.0.0.1"), now=NOW + after)


def test_both_are_kept_while_they_are_valid(tmp_path: Path) -> None:
    assert made(tmp_path) == made(tmp_path) == made(tmp_path, after=330 * DAY)


@pytest.mark.parametrize("days", [336, 366, 3000])
def test_a_certificate_that_expires_soon_or_has_expired_is_renewed_by_the_same_authority(
    tmp_path: Path, days: int
) -> None:
    authority, server = made(tmp_path)
    same, renewed = made(tmp_path, after=days * DAY)
    assert (same, renewed) != (authority, server)
    assert same == authority
    certificate = x509.load_pem_x509_certificate(renewed)
    assert certificate.not_valid_after_utc - (NOW + days * DAY) > 60 * DAY
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))


def test_an_authority_that_expires_is_replaced_with_its_certificates(tmp_path: Path) -> None:
    authority, server = made(tmp_path)
    other, renewed = made(tmp_path, after=3600 * DAY)
    assert authority != other
    assert server != renewed


@pytest.mark.parametrize("name", ["authority.pem", "authority-key.pem", "server.pem"])
@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\n"])
def test_what_is_missing_or_damaged_is_made_again(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    made(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    files = ensure(tmp_path)
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    server = x509.load_pem_x509_certificate(files.server.read_bytes())
    server.verify_directly_issued_by(authority)


def test_a_name_that_is_added_is_in_the_next_certificate(tmp_path: Path) -> None:
    made(tmp_path)
    files = ensure(tmp_path, "localhost", "127.0.0.1", "bottega.test")
    server = x509.load_pem_x509_certificate(files.server.read_bytes())
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "bottega.test"]


def test_only_the_owner_reads_the_keys(tmp_path: Path) -> None:
    ensure(tmp_path / "tls")
    paths = [tmp_path / "tls", *(tmp_path / "tls").iterdir()]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in paths}
    assert modes == {
        "tls": 0o700,
        "authority.pem": 0o600,
        "authority-key.pem": 0o600,
        "server.pem": 0o600,
    }
