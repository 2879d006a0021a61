"""The job that is being watched: how it stands, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from api.services import Services
from api.web.playground.error_hints import about_job
from api.web.playground.form.models import paints
from api.web.playground.overlay import Seen, seen_in
from api.web.shared.formats import duration, money
from api.web.shared.job_labels import waiting_text
from api.web.shared.job_pictures import Input, inputs, outputs, without_removed
from db.jobs.queries import artifacts_of
from db.jobs.waiting import queue_positions
from db.tables import Artifact, Job
from db.values.artifact_kinds import ArtifactKind
from db.values.job_state import TERMINAL, JobState


@dataclass(frozen=True)
class Fact:
    """A name and a value."""

    name: str
    value: str


@dataclass(frozen=True)
class DownloadableFile:
    """A stored result that is no painted picture."""

    title: str
    url: str


def panel_values(services: Services, session: Session, job: Job) -> dict[str, Any]:
    """The values of `panel.html`."""
    artifacts = artifacts_of(session, [job.id]).get(job.id, [])
    waiting = queue_positions(session, [job.id]).get(job.id)
    base = f"/playground/jobs/{job.id}"
    given = inputs(job, base)
    return {
        "job": job,
        "over": job.state in TERMINAL,
        "waiting": None if waiting is None else waiting_text(waiting),
        "results": outputs(job, artifacts, base),
        "files": _files(artifacts, base),
        "seen": _seen(job, given),
        "given": given,
        "facts": _facts(job),
        "advice": about_job(job.error_code) if job.error_code else "",
        "prompt": str(job.input.get("prompt") or job.input.get("text") or ""),
        "is_offered": services.catalogue.offers(job.variant),
        "can_look": any(not paints(each) for each in services.catalogue.variants()),
    }


def _files(artifacts: Sequence[Artifact], base: str) -> list[DownloadableFile]:
    """What Florence-2 was asked to store; what FLUX painted is shown as it is."""
    return [
        DownloadableFile(
            f"{row.kind} {row.about.get('task', '')}".strip(), f"{base}/results/{row.n}"
        )
        for row in artifacts
        if row.kind != ArtifactKind.IMAGE and not row.removed_at
    ]


def as_kept(services: Services, values: dict[str, Any]) -> dict[str, Any]:
    """The values of a job that is over, without the pictures that the store no longer has."""
    job = values["job"]
    given = without_removed(services, job, values["given"])
    return values | {"given": given, "seen": _seen(job, given)}


def _seen(job: Job, given: Sequence[Input]) -> Seen | None:
    if job.state != JobState.SUCCEEDED or "results" not in (job.output or {}):
        return None
    return seen_in(job.output or {}, given[0].url or "", job.input)


def _facts(job: Job) -> list[Fact]:
    began = job.started_at
    waited = (began - job.created_at).total_seconds() if began else None
    seed = job.input.get("seed")
    every = (
        Fact("Price", _price(job)),
        Fact("Seed", "" if seed is None else str(seed)),
        Fact("Waited", duration(waited) if waited is not None else ""),
        Fact("Ran", duration(job.run_seconds) if job.run_seconds is not None else ""),
    )
    return [fact for fact in every if fact.value]


def _price(job: Job) -> str:
    if job.state not in (JobState.SUCCEEDED, JobState.QUEUED, JobState.RUNNING):
        return "nothing"
    return f"{money(job.price_micros)}, covered by the {job.covered_by}"
