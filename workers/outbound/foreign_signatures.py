"""Signatures of webhooks in the forms of compatible APIs, as their clients verify them."""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence

from db.values.surfaces import SurfaceName
from db.webhooks.types import DeliveryClaim
from workers.outbound.ed25519 import WebhookKey
from workers.outbound.signature import json_headers, standard_headers

Sign = Callable[[DeliveryClaim, str, Sequence[str], WebhookKey], dict[str, str]]
"""The headers of an attempt, from the attempt, its body, the tenant's secrets and our own key."""


def foreign_headers(
    sending: DeliveryClaim,
    surface: SurfaceName,
    body: str,
    secrets: Sequence[str],
    key: WebhookKey,
) -> dict[str, str]:
    """The headers of one attempt in a surface's form.

    Args:
        sending: the attempt to sign.
        surface: the API in whose form the body is.
        body: the body; it is sent as UTF-8.
        secrets: the tenant's, the current one first.
        key: the service's own key.
    """
    signed = _SIGNERS.get(surface, _replicate)(sending, body, secrets, key)
    return json_headers(sending) | signed


def _replicate(
    sending: DeliveryClaim, body: str, secrets: Sequence[str], _key: WebhookKey
) -> dict[str, str]:
    return standard_headers(sending, body, secrets)


def _fal(
    sending: DeliveryClaim, body: str, _secrets: Sequence[str], key: WebhookKey
) -> dict[str, str]:
    timestamp = str(int(sending.started_at.timestamp()))
    digest = hashlib.sha256(body.encode()).hexdigest()
    message = f"{sending.job_id}\n{sending.tenant_id}\n{timestamp}\n{digest}"
    return {
        "X-Fal-Webhook-Request-Id": sending.job_id,
        "X-Fal-Webhook-User-Id": sending.tenant_id,
        "X-Fal-Webhook-Timestamp": timestamp,
        "X-Fal-Webhook-Signature": key.sign(message.encode()),
    }


def _bfl(
    sending: DeliveryClaim, body: str, _secrets: Sequence[str], _key: WebhookKey
) -> dict[str, str]:
    """The secret of the request, and a signature by it; nothing where the request gave none."""
    secret = sending.foreign.secret if sending.foreign else ""
    if not secret:
        return {}
    digest = hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
    return {"X-Webhook-Secret": secret, "X-BFL-Signature": f"sha256={digest}"}


_SIGNERS: Mapping[SurfaceName, Sign] = {
    SurfaceName.REPLICATE: _replicate,
    SurfaceName.FAL: _fal,
    SurfaceName.BFL: _bfl,
}
