"""Signatures of webhooks in foreign forms, verified as their receivers do."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook

from db.values.surfaces import SurfaceName
from db.webhooks.types import DeliveryClaim, ForeignFacts
from workers.outbound.ed25519 import WebhookKey
from workers.outbound.foreign_signatures import foreign_headers

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
BODY = '{"über":1}'
KEY = WebhookKey("a-long-secret-of-the-service")


def headers(surface: SurfaceName, secret: str = "") -> dict[str, str]:
    """The headers of an attempt."""
    facts = ForeignFacts(surface, "https://bottega.example", secret, {}, {})
    moment = datetime.now(UTC)
    sending = DeliveryClaim(
        *("msg_1", 1, "ten_1", "job.succeeded", "x.example", "https://x.example", "{}", moment),
        job_id="job_1",
        request_id="req_1",
        foreign=facts,
    )
    made = foreign_headers(sending, surface, BODY, [SECRET], KEY)
    assert made["Content-Type"] == "application/json"
    assert made["X-Request-Id"] == "req_1"
    return made


def test_replicates_is_standard_webhooks() -> None:
    made = headers(SurfaceName.REPLICATE)
    Webhook(SECRET).verify(BODY.encode(), made, json_parse=False)
    assert made["webhook-id"] == "msg_1"


def public_key(jwk: dict[str, str]) -> Ed25519PublicKey:
    """The key as a receiver reads it from the set."""
    assert (jwk["kty"], jwk["crv"], jwk["alg"], jwk["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
    return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(jwk["x"] + "=="))


def test_fals_verifies_by_the_published_key_alone() -> None:
    made = headers(SurfaceName.FAL)
    message = "\n".join(
        (
            made["X-Fal-Webhook-Request-Id"],
            made["X-Fal-Webhook-User-Id"],
            made["X-Fal-Webhook-Timestamp"],
            hashlib.sha256(BODY.encode()).hexdigest(),
        )
    ).encode()
    signature = bytes.fromhex(made["X-Fal-Webhook-Signature"])
    public_key(KEY.jwk).verify(signature, message)
    with pytest.raises(InvalidSignature):
        public_key(WebhookKey("another-long-secret").jwk).verify(signature, message)
    assert made["X-Fal-Webhook-Request-Id"] == "job_1"


def test_the_key_is_the_same_wherever_the_secret_is() -> None:
    assert WebhookKey("a-long-secret-of-the-service").jwk == KEY.jwk
    assert len({WebhookKey(f"secret-{n}").jwk["kid"] for n in range(20)}) == 20


def test_the_vendors_has_the_secret_of_the_request() -> None:
    made = headers(SurfaceName.BFL, "s3cret")
    digest = hmac.new(b"s3cret", BODY.encode(), hashlib.sha256).hexdigest()
    assert made["X-Webhook-Secret"] == "s3cret"
    assert made["X-BFL-Signature"] == f"sha256={digest}"


def test_the_vendors_without_a_secret_is_not_signed() -> None:
    assert headers(SurfaceName.BFL).keys() == {"Content-Type", "X-Request-Id"}
