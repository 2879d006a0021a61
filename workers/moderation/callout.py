"""A content filter that calls a service of the operator.

The filter posts `{"kind": "prompt", "job": …, "model": …, "tier": …, "prompt": …}` or, in place of
the prompt, `"picture": {"media_type": …, "data": base64}`. `"kind": "picture"` means a painted
picture, `"input"` one from the job's owner. The service responds with 200 and `{"allowed": true}`
or `{"allowed": false, "reason": "for the job's owner"}`. Requests are signed like webhooks
(Standard Webhooks) where a secret is set.
"""

import base64
import io
import json
import math
import time
from dataclasses import dataclass

import structlog
from PIL.Image import Image, Resampling
from pydantic import BaseModel, SecretStr, StrictBool, ValidationError

from db.core.base import new_id
from db.values.pricing import PIXELS_PER_MEGAPIXEL
from workers.adapters.protocol import (
    ContentModeratedError,
    FilterUnavailableError,
    RequestModeratedError,
)
from workers.moderation.content_filter import Subject
from workers.outbound import Outbound, OutboundError, Timeouts
from workers.outbound.signature import sign

_OK = 200
_MAX_ANSWER_BYTES = 16_384
_QUALITY = 90

_log = structlog.get_logger(__name__)


class Verdict(BaseModel):
    """The service's response."""

    allowed: StrictBool
    reason: str = ""


@dataclass(frozen=True)
class Callout:
    """A filter of prompts, input pictures, painted pictures, or some of these, by a service.

    Attributes:
        name: its name in logs.
        url: the service's address; any address is allowed. Not for logs.
        outbound: the guarded client, which trusts that address.
        timeout_seconds: longest time that a response may take.
        secret: signs the requests, `whsec_…`; None leaves them unsigned.
        prompts: true to check prompts.
        inputs: true to check input pictures.
        pictures: true to check painted pictures.
        passes_when_down: true to let jobs pass when the service does not respond; otherwise they
            are retried.
    """

    name: str
    url: str
    outbound: Outbound
    timeout_seconds: float
    secret: SecretStr | None = None
    prompts: bool = True
    inputs: bool = True
    pictures: bool = True
    passes_when_down: bool = False

    def check_prompt(self, prompt: str, subject: Subject) -> None:
        """See `ContentFilter`."""
        if not self.prompts:
            return
        verdict = self._request_verdict("prompt", subject, prompt=prompt)
        if not verdict.allowed:
            raise RequestModeratedError(verdict.reason)

    def check_input(self, picture: Image, subject: Subject) -> None:
        """See `ContentFilter`. The picture is sent with at most one megapixel."""
        if not self.inputs:
            return
        verdict = self._request_verdict("input", subject, picture=_encoded(picture))
        if not verdict.allowed:
            raise RequestModeratedError(verdict.reason)

    def check_picture(self, picture: Image, subject: Subject) -> None:
        """See `ContentFilter`. The picture is sent with at most one megapixel."""
        if not self.pictures:
            return
        verdict = self._request_verdict("picture", subject, picture=_encoded(picture))
        if not verdict.allowed:
            raise ContentModeratedError(verdict.reason)

    def _request_verdict(self, kind: str, subject: Subject, **content: object) -> Verdict:
        metadata = {"job": subject.job_id, "model": subject.model, "tier": subject.tier}
        body = json.dumps({"kind": kind, **metadata, **content})
        try:
            return self._post(body)
        except (OutboundError, ValidationError) as error:
            _log.warning(
                "content_filter_unavailable",
                filter=self.name,
                job_id=subject.job_id,
                error=type(error).__name__,
                passes=self.passes_when_down,
            )
        if self.passes_when_down:
            return Verdict(allowed=True)
        raise FilterUnavailableError

    def _post(self, body: str) -> Verdict:
        seconds = self.timeout_seconds
        answer = self.outbound.post(
            self.url,
            body.encode(),
            headers=self._headers(body),
            max_answer_bytes=_MAX_ANSWER_BYTES,
            timeouts=Timeouts(total=seconds, connect=seconds, read=seconds),
        )
        # A body with another status is no verdict, whatever it says.
        return Verdict.model_validate_json(answer.body if answer.status == _OK else b"")

    def _headers(self, body: str) -> dict[str, str]:
        plain = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.secret is None:
            return plain
        message_id, now = new_id("chk"), int(time.time())
        return {
            **plain,
            "webhook-id": message_id,
            "webhook-timestamp": str(now),
            "webhook-signature": sign(self.secret.get_secret_value(), message_id, now, body),
        }


def _encoded(picture: Image) -> dict[str, str]:
    scale = min(1.0, math.sqrt(PIXELS_PER_MEGAPIXEL / (picture.width * picture.height)))
    width, height = (max(1, math.floor(side * scale)) for side in picture.size)
    small = picture if scale == 1 else picture.resize((width, height), Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=_QUALITY)
    data = base64.b64encode(buffer.getvalue()).decode()
    return {"media_type": "image/jpeg", "data": data}
