"""The certificates of the local stack's TLS port: an authority of its own, and a server's.

The authority is only as good as its folder is private, so it vouches for this machine's names and
no others: who steals its key cannot pass for another site.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.local.servers.secret_file import write_private

FOLDER = "tls"
"""In the data folder."""

AUTHORITY_FILE = "authority.pem"

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")

RENEWAL = timedelta(days=30)
"""A certificate with less time than this left is replaced."""

_SERVER_TIME = timedelta(days=365)
_AUTHORITY_TIME = timedelta(days=3650)
_CLOCK_ERROR = timedelta(days=1)
_DIGITAL_SIGNATURE, _SIGNS_CERTIFICATES = "digital_signature", "key_cert_sign"
_USES = (
    *(_DIGITAL_SIGNATURE, "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", _SIGNS_CERTIFICATES, "crl_sign", "encipher_only", "decipher_only"),
)


@dataclass(frozen=True)
class CertificateFiles:
    """Files of a TLS port, in PEM.

    Attributes:
        authority: the authority's certificate, which clients are told to trust.
        server: the server's private key and certificate.
    """

    authority: Path
    server: Path


@dataclass(frozen=True)
class _Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def ensure_certificates(
    folder: Path, names: Sequence[str] = LOCAL_NAMES, *, now: datetime | None = None
) -> CertificateFiles:
    """The files in a folder; made or renewed where they are missing, expire soon, or lack a name.

    The authority stays as long as it can, since clients were told to trust it.

    Args:
        folder: created when missing, readable by its owner alone.
        names: the host names and addresses of the server.
        now: the time, for tests.

    Raises:
        OSError: the folder cannot be written.
    """
    now = now or datetime.now(UTC)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = CertificateFiles(folder / AUTHORITY_FILE, folder / "server.pem")
    authority = _read(files.authority, folder / "authority-key.pem")
    if authority is None or not _may_issue(authority, names, now):
        authority = _made_authority(names, now)
        write_private(folder / "authority-key.pem", _key_pem(authority.key))
        write_private(files.authority, _certificate_pem(authority.certificate))
    server = _read(files.server, files.server)
    if server is None or not _may_serve(server, authority, names, now):
        server = _made_server(authority, names, now)
        write_private(files.server, _key_pem(server.key) + _certificate_pem(server.certificate))
    return files


def _read(certificate: Path, key: Path) -> _Pair | None:
    """A certificate and its key; None where they are missing, damaged, or not each other's."""
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        return None
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        return None
    return _Pair(found, private) if found.public_key() == private.public_key() else None


def _may_issue(authority: _Pair, names: Sequence[str], now: datetime) -> bool:
    """True for an authority that vouches for the names, longer than a new certificate needs."""
    try:
        found = authority.certificate.extensions.get_extension_for_class(x509.NameConstraints)
    except x509.ExtensionNotFound:
        return False
    permitted = {_text(name) for name in found.value.permitted_subtrees or ()}
    left = authority.certificate.not_valid_after_utc - now
    return {_text(_constraint(name)) for name in names} <= permitted and left > 2 * RENEWAL


def _may_serve(server: _Pair, authority: _Pair, names: Sequence[str], now: datetime) -> bool:
    """True for a certificate of the authority, with exactly these names, that stays valid."""
    certificate = server.certificate
    try:
        certificate.verify_directly_issued_by(authority.certificate)
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    same = {_text(name) for name in found.value} == {_text(_general_name(n)) for n in names}
    return same and certificate.not_valid_after_utc - now > RENEWAL


def _made_authority(names: Sequence[str], now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _subject("Bottega local authority")
    made = _builder(name, name, key, now, now + _AUTHORITY_TIME)
    permitted = [_constraint(each) for each in names]
    made = (
        made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(_SIGNS_CERTIFICATES), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
    )
    return _Pair(made.sign(key, hashes.SHA256()), key)


def _made_server(authority: _Pair, names: Sequence[str], now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    until = min(now + _SERVER_TIME, issuer.not_valid_after_utc)
    made = _builder(_subject("Bottega local stack"), issuer.subject, key, now, until)
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    made = (
        made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(_DIGITAL_SIGNATURE), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
        )
        .add_extension(by, critical=False)
    )
    return _Pair(made.sign(authority.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    until: datetime,
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_ERROR)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _key_usage(use: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name == use for name in _USES})


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _constraint(name: str) -> x509.GeneralName:
    """A name as a constraint has it: an address as the network of itself alone."""
    try:
        return x509.IPAddress(ip_network(name))
    except ValueError:
        return x509.DNSName(name)


def _text(name: x509.GeneralName) -> str:
    return str(name.value)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _certificate_pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
