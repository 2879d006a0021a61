"""The payload of a webhook: facts about a job, without anything secret or that expires."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from db.artifacts.listing import output_fields
from db.tables import Artifact, Job
from db.values.job_state import JobState
from db.webhooks.types import ProgressEvent, Webhook, WebhookEvent

MAX_BODY_BYTES = 20_000
"""Standard Webhooks asks for small payloads."""

MAX_FOREIGN_BODY_BYTES = 1_000_000
"""The most that is stored for a payload in the form of a compatible API, which omits nothing."""

_MAX_MESSAGE_CHARACTERS = 1_000
_LARGE = ("output", "metadata")  # omitted in this order


def body_of(job: Job, webhook: Webhook, artifacts: Iterable[Artifact]) -> str:
    """The JSON `{"type", "timestamp", "data"}`, under 20,000 bytes.

    `data` is the job as `GET /v1/jobs/{id}` shows it, without `progress`, `waiting` and
    `timings`. Artifacts come without their URLs, which expire: a GET on the job returns fresh ones.
    A field that would make the payload too large is null, and named in `data.omitted`.
    """
    data = _data(job, webhook, _output(job, artifacts))
    return _fitting(WebhookEvent(f"job.{job.state}"), job.finished_at, data, MAX_BODY_BYTES)


def foreign_body_of(
    job: Job,
    webhook: Webhook,
    artifacts: Iterable[Artifact],
    event: str,
    progress: tuple[int, int] | None = None,
) -> str:
    """The same JSON for a webhook in the form of a compatible API, rendered when it is sent.

    `data.run` has the progress and the durations, and each artifact its number `n` in the job. Of
    the event "job.output" the job is shown as running, as it was when the results came.

    Args:
        job: the job.
        webhook: its webhook.
        artifacts: its results.
        event: the name of the event, such as "job.logs.2".
        progress: step and steps; None for those of the row.
    """
    data = _data(job, webhook, _output(job, artifacts, lambda artifact: {"n": artifact.n}))
    step, steps = progress or (job.progress_step, job.progress_steps)
    seconds = {"run_seconds": job.run_seconds, "store_seconds": job.store_seconds}
    data["run"] = {"step": step, "steps": steps, **seconds}
    if event == ProgressEvent.OUTPUT:
        data |= {"state": JobState.RUNNING, "finished_at": None}
    return _fitting(event, job.finished_at, data, MAX_FOREIGN_BODY_BYTES)


def _fitting(event: str, moment: datetime | None, data: Mapping[str, Any], most_bytes: int) -> str:
    body = _render(event, moment, data)
    for name in _LARGE:
        if len(body.encode()) < most_bytes:
            break
        omitted = [*data.get("omitted", []), name]
        data = {**data, name: None, "omitted": omitted}
        body = _render(event, moment, data)
    return body


def _render(event: str, moment: datetime | None, data: Mapping[str, Any]) -> str:
    payload = {"type": event, "timestamp": _instant(moment), "data": data}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


def _data(job: Job, webhook: Webhook, output: dict[str, Any] | None) -> dict[str, Any]:
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
        "output": output,
        "error": _error(job),
        "metadata": job.job_metadata,
        "urls": _urls(job, webhook),
    }


def _output(
    job: Job,
    artifacts: Iterable[Artifact],
    location: Callable[[Artifact], dict[str, Any]] = lambda _artifact: {},
) -> dict[str, Any] | None:
    if job.state != JobState.SUCCEEDED:
        return None
    return {**(job.output or {}), **output_fields(artifacts, location)}


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
