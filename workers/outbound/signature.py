"""Signing what is sent to receivers: Standard Webhooks, symmetric.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from db.webhooks.types import Sending

_PREFIX = "whsec_"


def headers_of(sending: Sending, secrets: Sequence[str]) -> dict[str, str]:
    """The headers of one attempt: the id of all attempts, this one's time, a signature of both.

    The id of the request that the job came by goes along, where there is one.

    Args:
        sending: what is sent.
        secrets: the tenant's, the current one first; each adds a signature.
    """
    timestamp = int(sending.started_at.timestamp())
    signatures = [sign(key, sending.delivery_id, timestamp, sending.body) for key in secrets]
    told = {"X-Request-Id": sending.request_id} if sending.request_id else {}
    return told | {
        "Content-Type": "application/json",
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
        body: what is sent, encoded as UTF-8.
    """
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    message = f"{message_id}.{timestamp}.{body}".encode()
    return f"v1,{base64.b64encode(hmac.digest(key, message, hashlib.sha256)).decode()}"
