"""The service's Ed25519 key, with which webhooks in fal's form are signed.

It is derived from the URL secret, so the API that publishes the public half and the courier that
signs agree without a file or a row.
"""

import base64
import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PURPOSE = b"bottega.webhook.ed25519"
_SEED_BYTES = 32


class WebhookKey:
    """The key pair.

    Args:
        url_secret: the value of `BOTTEGA_URL_SECRET`.
    """

    def __init__(self, url_secret: str) -> None:
        derived = HKDF(SHA256(), _SEED_BYTES, salt=None, info=_PURPOSE).derive(url_secret.encode())
        self._private = Ed25519PrivateKey.from_private_bytes(derived)

    def sign(self, message: bytes) -> str:
        """The signature in hexadecimal digits."""
        return self._private.sign(message).hex()

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key as an entry of a JSON Web Key Set (RFC 8037)."""
        public = self._private.public_key().public_bytes_raw()
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": base64.urlsafe_b64encode(public).rstrip(b"=").decode(),
            "kid": hashlib.sha256(public).hexdigest()[:16],
            "use": "sig",
            "alg": "EdDSA",
        }
