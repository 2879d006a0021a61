"""The payload of a webhook: facts about a job, without anything secret or that expires."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from db.artifacts.listing import output_fields
from db.tables import Artifact, Job
from db.values.job_state import JobState
from db.webhooks.types import Webhook, WebhookEvent

MAX_BODY_BYTES = 20_000
"""Standard Webhooks asks for small payloads."""

_MAX_MESSAGE_CHARACTERS = 1_000
_LARGE = ("output", "metadata")  # omitted in this order


def body_of(job: Job, webhook: Webhook, artifacts: Iterable[Artifact]) -> str:
    """The JSON `{"type", "timestamp", "data"}`, under 20,000 bytes.

    `data` is the job as `GET /v1/jobs/{id}` shows it, without `progress`, `waiting` and
    `timings`. Artifacts come without their URLs, which expire: a GET on the job returns fresh ones.
    A field that would make the payload too large is null, and named in `data.omitted`.
    """
    data = _data(job, webhook, artifacts)
    body = _render(job, data)
    for name in _LARGE:
        if len(body.encode()) < MAX_BODY_BYTES:
            break
        omitted = [*data.get("omitted", []), name]
        data = {**data, name: None, "omitted": omitted}
        body = _render(job, data)
    return body


def _render(job: Job, data: Mapping[str, Any]) -> str:
    event = {
        "type": WebhookEvent(f"job.{job.state}"),
        "timestamp": _instant(job.finished_at),
        "data": data,
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def _data(job: Job, webhook: Webhook, artifacts: Iterable[Artifact]) -> dict[str, Any]:
    return {
        "id": job.id,
        "model": job.variant,
        "state": job.state,
        "attempt": job.attempt,
        "priority": job.priority,
        "created_at": _instant(job.created_at),
        "started_at": _instant(job.started_at),
        "finished_at": _instant(job.finished_at),
        "price": {
            "amount_micros": job.price_micros,
            "currency": "USD",
            "covered_by": job.covered_by,
        },
        "output": _output(job, artifacts),
        "error": _error(job),
        "metadata": job.job_metadata,
        "urls": _urls(job, webhook),
    }


def _output(job: Job, artifacts: Iterable[Artifact]) -> dict[str, Any] | None:
    if job.state != JobState.SUCCEEDED:
        return None
    return {**(job.output or {}), **output_fields(artifacts)}


def _error(job: Job) -> dict[str, Any] | None:
    if job.error_code is None:
        return None
    message = (job.error_message or "")[:_MAX_MESSAGE_CHARACTERS]
    return {
        "code": job.error_code,
        "message": message,
        "retryable": bool(job.error_retryable),
    }


def _urls(job: Job, webhook: Webhook) -> dict[str, str] | None:
    """Absolute URLs, if the operator has set the public URL of the service."""
    if not webhook.base_url:
        return None
    return {"self": f"{webhook.base_url.rstrip('/')}/v1/jobs/{job.id}"}


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
