"""The gallery: the tenant's newest jobs with their results."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from api.core.paging import decode_cursor, encode_cursor
from api.services import Services, ServicesDep
from api.web.playground.form.models import paints
from api.web.playground.pages import page
from api.web.playground.session import CurrentTenant, CurrentTenantDep
from api.web.shared.florence2_overlay import answers, overlays
from api.web.shared.job_pictures import input_pictures
from db.jobs.queries import JobFilter, artifacts_of, list_jobs
from db.tables import Artifact, Job
from db.values.artifact_kinds import ArtifactKind
from db.values.job_state import JobState
from workers.catalog.florence2.tasks import BY_TOKEN

router = APIRouter()

PAGE_SIZE = 24
_MAX_LABELS = 4


@dataclass(frozen=True)
class Card:
    """One job in the gallery.

    Attributes:
        title: its prompt, or a summary of its answers.
        thumb: the URL of a picture; None where there is none.
        more: number of further pictures that it painted.
        painted: the number of its first painted picture, for an analysis.
    """

    id: str
    model: str
    state: str
    created_at: datetime
    title: str
    thumb: str | None
    alt: str
    more: int
    painted: int | None


def gallery_values(
    services: Services, tenant: CurrentTenant, before_id: str | None = None
) -> dict[str, Any]:
    """The template values of `gallery.html`."""
    job_filter = JobFilter(before_id=before_id)
    with services.database.transaction(durable=False) as session:
        rows = list_jobs(session, tenant.id, job_filter, limit=PAGE_SIZE + 1)
        shown = rows[:PAGE_SIZE]
        artifacts = artifacts_of(session, [job.id for job in shown])
    cards = [_card(job, artifacts.get(job.id, [])) for job in shown]
    return {
        "can_analyse": any(not paints(each) for each in services.catalogue.variants()),
        "cards": cards,
        "older": encode_cursor(shown[-1].id) if len(rows) > PAGE_SIZE else None,
    }


def _card(job: Job, artifacts: Sequence[Artifact]) -> Card:
    base = f"/playground/jobs/{job.id}"
    painted = [row for row in artifacts if row.kind == ArtifactKind.IMAGE and not row.removed_at]
    pictures = input_pictures(job, base)
    prompt = str(job.input.get("prompt") or "")
    thumb = f"{base}/results/{painted[0].n}" if painted else pictures[0].url if pictures else None
    return Card(
        id=job.id,
        model=job.variant,
        state=job.state,
        created_at=job.created_at,
        title=prompt or _summary(job),
        thumb=thumb,
        alt=f"Painted: {prompt}" if painted else "Its input picture",
        more=max(0, len(painted) - 1),
        painted=painted[0].n if painted else None,
    )


def _summary(job: Job) -> str:
    """The answers of an analysis, or its tasks while it has none."""
    output = job.output or {}
    if job.state != JobState.SUCCEEDED or "results" not in output:
        tasks = (BY_TOKEN.get(token) for token in job.input.get("tasks") or ())
        return "; ".join(task.title for task in tasks if task is not None)
    texts = [answer.text for answer in answers(output) if answer.text]
    if texts:
        return texts[0]
    labels = [group.label for each in overlays(output, "", job.input) for group in each.groups]
    return ", ".join(labels[:_MAX_LABELS]) or "Nothing was found"


@router.get("/gallery")
def show_gallery(
    request: Request,
    services: ServicesDep,
    tenant: CurrentTenantDep,
    before: Annotated[str | None, Query(max_length=100)] = None,
) -> HTMLResponse:
    """A page of cards, newest first."""
    values = gallery_values(services, tenant, decode_cursor(before, "job"))
    return page(request, "gallery.html", **values)
