"""Signatures of outgoing webhooks and callouts: Standard Webhooks, symmetric.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from collections.abc import Sequence
from datetime import UTC, datetime

# The specification's own library: receivers verify with it, so both sides read the same rules.
from standardwebhooks import Webhook

from db.webhooks.types import DeliveryClaim


def headers_of(sending: DeliveryClaim, secrets: Sequence[str]) -> dict[str, str]:
    """The headers of one attempt: the delivery's id, the attempt's time, signatures over both.

    The id of the API request that submitted the job is added, where there is one.

    Args:
        sending: the attempt to sign.
        secrets: the tenant's, the current one first. Each adds a signature, so that receivers
            can verify with either one while a secret is rotated.
    """
    return json_headers(sending) | standard_headers(sending, sending.body, secrets)


def json_headers(sending: DeliveryClaim) -> dict[str, str]:
    """The headers of every attempt, whatever its form, without a signature."""
    request = {"X-Request-Id": sending.request_id} if sending.request_id else {}
    return request | {"Content-Type": "application/json"}


def standard_headers(sending: DeliveryClaim, body: str, secrets: Sequence[str]) -> dict[str, str]:
    """The headers of Standard Webhooks for a body, with a signature by each secret."""
    timestamp = int(sending.started_at.timestamp())
    signatures = [sign(key, sending.delivery_id, timestamp, body) for key in secrets]
    return {
        "webhook-id": sending.delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def sign(secret: str, message_id: str, timestamp: int, body: str) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.

    Args:
        secret: `whsec_` and the key's base64.
        message_id: the webhook-id.
        timestamp: seconds since 1970, UTC.
        body: the request's body; it is sent as UTF-8.
    """
    # In UTC: the library reads any other zone's wall clock as if it were UTC's.
    return Webhook(secret).sign(message_id, datetime.fromtimestamp(timestamp, UTC), body)
