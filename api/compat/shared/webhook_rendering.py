"""Webhooks in the form of a compatible API, rendered when the courier dispatches them.

A delivery's stored body has the service's own form. Each surface with webhooks of its own has a
pure function `webhook_body` in its module `rendering.py`, which makes its JSON from an event; what
signs it is in `workers.outbound`. Nothing here imports an HTTP framework: the courier runs it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.compat.shared.job import ForeignJob, Json
from api.core.artifact_urls import ArtifactUrls
from api.schemas.jobs import JobUrls, JobView, Progress, RequestWarningView, Timings
from db.values.job_state import JobState
from db.webhooks.types import DeliveryClaim, ForeignFacts


@dataclass(frozen=True)
class ForeignEvent:
    """An event of a job, to be told in a surface's form.

    Attributes:
        job: the job at that moment, with fresh direct URLs of its pictures. Its input and request
            are empty, and its output is None, once its contents were removed.
        name: the event: "job.started", "job.logs.<n>" (a step), "job.output" (the results are
            stored; the job is shown as running still), or an end such as "job.succeeded".
        base: the service's own URL, with which links begin.
        delivery_id: the same over all attempts at the delivery.
        tenant_id: the owner of the job.
    """

    job: ForeignJob
    name: str
    base: str
    delivery_id: str
    tenant_id: str


WebhookRenderer = Callable[[ForeignEvent, str], Json]
"""The JSON of a surface for an event.

The second argument is the service's URL secret, for a surface that signs URLs of its own kind.
"""


def event_of(claim: DeliveryClaim, facts: ForeignFacts, urls: ArtifactUrls) -> ForeignEvent:
    """The event that a delivery tells.

    Args:
        claim: the delivery, with its stored body.
        facts: what the job keeps for the form.
        urls: signs the URLs of its pictures.
    """
    job = ForeignJob(_view(json.loads(claim.body)["data"], facts, urls), facts.input, facts.request)
    return ForeignEvent(job, claim.event, facts.base_url, claim.delivery_id, claim.tenant_id)


def _view(data: Mapping[str, Any], facts: ForeignFacts, urls: ArtifactUrls) -> JobView:
    job_id = data["id"]
    own = f"{facts.base_url}/v1/jobs/{job_id}"
    run = data.get("run", {})
    return JobView(
        id=job_id,
        model=data["model"],
        state=JobState(data["state"]),
        attempt=data["attempt"],
        priority=data["priority"],
        created_at=data["created_at"],
        started_at=data["started_at"],
        finished_at=data["finished_at"],
        progress=_progress(run),
        waiting=None,
        price=data["price"],
        output=_output(data, facts.base_url, urls),
        error=data["error"],
        metadata=data["metadata"] or {},
        surface=facts.surface,
        warnings=[RequestWarningView(**entry) for entry in facts.warnings],
        timings=_timings(data, run),
        urls=JobUrls(self=own, events=f"{own}/events", cancel=f"{own}/cancel"),
    )


def _progress(run: Mapping[str, Any]) -> Progress | None:
    if not run.get("steps"):
        return None
    fraction = round(run["step"] / run["steps"], 4)
    return Progress(step=run["step"], steps=run["steps"], fraction=fraction)


def _timings(data: Mapping[str, Any], run: Mapping[str, Any]) -> Timings:
    queued = None
    if data["started_at"]:
        began, started = map(datetime.fromisoformat, (data["created_at"], data["started_at"]))
        queued = (started - began).total_seconds()
    return Timings(
        queued_seconds=queued,
        run_seconds=run.get("run_seconds"),
        store_seconds=run.get("store_seconds"),
    )


def _output(data: Mapping[str, Any], base: str, urls: ArtifactUrls) -> dict[str, Any] | None:
    """The output with fresh URLs of its files."""
    output: dict[str, Any] | None = data["output"]
    if output is None:
        return None
    listed = {name: output[name] for name in ("images", "artifacts") if output.get(name)}
    return {**output, **{name: _located(data["id"], of, base, urls) for name, of in listed.items()}}


def _located(
    job_id: str, entries: Sequence[Mapping[str, Any]], base: str, urls: ArtifactUrls
) -> list[dict[str, Any]]:
    return [
        {
            "url": base + urls.path(job_id, entry["n"], entry["media_type"], direct=True),
            **{name: value for name, value in entry.items() if name != "n"},
        }
        for entry in entries
    ]
