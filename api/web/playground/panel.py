"""The panel of the watched job: its state and its results."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from api.services import Services
from api.web.playground.error_hints import job_hint
from api.web.playground.form.models import paints
from api.web.playground.overlay import OverlayView, overlay_view
from api.web.shared.formats import duration, money
from api.web.shared.job_labels import surface_label, waiting_text
from api.web.shared.job_pictures import (
    InputPictureView,
    input_pictures,
    output_pictures,
    without_removed,
)
from api.web.shared.prompt_warnings import prompt_warnings
from db.billing.holds import BALANCE
from db.jobs.queries import artifacts_of
from db.jobs.waiting import queue_positions
from db.reports.usage import canceled_work
from db.tables import Artifact, Job
from db.values.artifact_kinds import ArtifactKind
from db.values.cancel_charge import MICRO
from db.values.job_state import TERMINAL, JobState
from db.values.surfaces import SurfaceName


@dataclass(frozen=True)
class Fact:
    """A name and a value, for the line under the results."""

    name: str
    value: str


@dataclass(frozen=True)
class DownloadableFile:
    """A stored result other than a painted picture."""

    title: str
    url: str


def panel_values(services: Services, session: Session, job: Job) -> dict[str, Any]:
    """The template values of `panel.html`."""
    artifacts = artifacts_of(session, [job.id]).get(job.id, [])
    waiting = queue_positions(session, [job.id]).get(job.id)
    base = f"/playground/jobs/{job.id}"
    pictures = input_pictures(job, base)
    cost = _cost(session, job)
    return {
        "job": job,
        "over": job.state in TERMINAL,
        "waiting": None if waiting is None else waiting_text(waiting),
        "results": output_pictures(job, artifacts, base),
        "files": _files(artifacts, base),
        "analysis": _analysis(job, pictures),
        "prompt_warnings": prompt_warnings(job.output),
        "inputs": pictures,
        "facts": _facts(job, cost),
        "cost": cost,
        "hint": job_hint(job.error_code) if job.error_code else "",
        "prompt": str(job.input.get("prompt") or job.input.get("text") or ""),
        "is_offered": services.catalogue.has(job.variant),
        "can_analyse": any(not paints(each) for each in services.catalogue.variants()),
    }


def _files(artifacts: Sequence[Artifact], base: str) -> list[DownloadableFile]:
    """The artifacts of an analysis; painted pictures are shown in the panel itself."""
    return [
        DownloadableFile(
            f"{row.kind} {row.about.get('task', '')}".strip(), f"{base}/results/{row.n}"
        )
        for row in artifacts
        if row.kind != ArtifactKind.IMAGE and not row.removed_at
    ]


def without_removed_pictures(services: Services, values: dict[str, Any]) -> dict[str, Any]:
    """The values of an ended job, without the pictures that the store no longer has."""
    job = values["job"]
    pictures = without_removed(services, job, values["inputs"])
    return values | {"inputs": pictures, "analysis": _analysis(job, pictures)}


def _analysis(job: Job, pictures: Sequence[InputPictureView]) -> OverlayView | None:
    if job.state != JobState.SUCCEEDED or "results" not in (job.output or {}):
        return None
    return overlay_view(job.output or {}, pictures[0].url or "", job.input)


def _facts(job: Job, cost: str) -> list[Fact]:
    started = job.started_at
    waited = (started - job.created_at).total_seconds() if started else None
    seed = job.input.get("seed")
    facts = (
        Fact("Price", cost),
        Fact("Came by", surface_label(job.surface) if job.surface != SurfaceName.NATIVE else ""),
        Fact("Seed", "" if seed is None else str(seed)),
        Fact("Waited", duration(waited) if waited is not None else ""),
        Fact("Ran", duration(job.run_seconds) if job.run_seconds is not None else ""),
    )
    return [fact for fact in facts if fact.value]


def _cost(session: Session, job: Job) -> str:
    """The price of a job, or what a job without a result cost."""
    if job.state in (JobState.SUCCEEDED, JobState.QUEUED, JobState.RUNNING):
        return f"{money(job.price_micros)}, covered by the {job.covered_by}"
    work = canceled_work(session, [job.id]).get(job.id)
    if work is None:
        return "nothing"
    if work.covered_by == BALANCE:
        return money(work.amount_micros)
    return f"{(work.ran_micro_units or 0) / MICRO:.2f} {job.unit_kind} of the allowance"
