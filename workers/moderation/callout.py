"""A filter that asks a service of the operator's.

It is posted `{"kind": "prompt", "job": …, "model": …, "tier": …, "prompt": …}` or, in place of the
prompt, `"picture": {"media_type": …, "data": base64}`: `"kind": "picture"` is one that was painted,
`"input"` one that the owner gave. It answers 200 and `{"allowed": true}` or
`{"allowed": false, "reason": "for the job's owner"}`. Requests are signed as webhooks are (Standard
Webhooks) where a secret is set.
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
from workers.moderation.content_filter import Subject
from workers.moderation.errors import (
    ContentModeratedError,
    FilterUnavailableError,
    RequestModeratedError,
)
from workers.outbound import Outbound, OutboundError, Timeouts
from workers.outbound.signature import sign

_OK = 200
_MAX_ANSWER_BYTES = 16_384
_QUALITY = 90

_log = structlog.get_logger(__name__)


class Verdict(BaseModel):
    """What the service answers."""

    allowed: StrictBool
    reason: str = ""


@dataclass(frozen=True)
class Callout:
    """Asks about prompts, pictures that are given, pictures that are painted, or some of them.

    Attributes:
        name: what it is called in logs.
        url: the service's address, reached wherever it leads. Not for logs.
        outbound: the guarded client, which trusts that address.
        timeout_seconds: longest time that an answer may take.
        secret: signs the requests, `whsec_…`; None leaves them unsigned.
        prompts: whether it is asked about prompts.
        inputs: whether it is asked about pictures that are given.
        pictures: whether it is asked about pictures that are painted.
        passes_when_down: whether what it does not answer to passes; else the job is tried again.
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
        """As `ContentFilter` says."""
        if not self.prompts:
            return
        verdict = self._ask("prompt", subject, prompt=prompt)
        if not verdict.allowed:
            raise RequestModeratedError(verdict.reason)

    def check_input(self, picture: Image, subject: Subject) -> None:
        """As `ContentFilter` says. What is sent has at most one megapixel."""
        if not self.inputs:
            return
        verdict = self._ask("input", subject, picture=_encoded(picture))
        if not verdict.allowed:
            raise RequestModeratedError(verdict.reason)

    def check_picture(self, picture: Image, subject: Subject) -> None:
        """As `ContentFilter` says. What is sent has at most one megapixel."""
        if not self.pictures:
            return
        verdict = self._ask("picture", subject, picture=_encoded(picture))
        if not verdict.allowed:
            raise ContentModeratedError(verdict.reason)

    def _ask(self, kind: str, subject: Subject, **what: object) -> Verdict:
        about = {"job": subject.job_id, "model": subject.model, "tier": subject.tier}
        body = json.dumps({"kind": kind, **about, **what})
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
        # What comes with another status is no verdict, whatever it says.
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
