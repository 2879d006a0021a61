"""A job's pictures, given out to whoever is signed in: what it was given, and what came of it."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import Response

from api.dashboard.visitor import VisitorDep
from api.errors import not_found
from api.schemas import ShortText
from api.services import Services, ServicesDep
from db import job_queries
from db.artifact_kinds import ArtifactKind
from db.storage.object_store import ObjectNotFoundError
from db.tables import Artifact, Job

router = APIRouter()

PictureNumber = Annotated[int, Path(ge=0, le=9999)]


@dataclass(frozen=True)
class Output:
    """A stored picture; `url` is None once it has been removed."""

    title: str
    note: str
    alt: str
    url: str | None
    width: int
    height: int


@dataclass(frozen=True)
class Input:
    """A picture that the job was given."""

    url: str
    alt: str


def outputs(job: Job, rows: list[Artifact]) -> list[Output]:
    """Every stored picture of a job."""
    return [_output(job, row) for row in rows if row.media_type.startswith("image/")]


def _output(job: Job, row: Artifact) -> Output:
    painted = row.kind == ArtifactKind.IMAGE
    title = f"Picture {row.n + 1}" if painted else str(row.kind).capitalize()
    about = f"seed {row.seed}" if painted else str(row.about.get("task", ""))
    prompt = str(job.input.get("prompt") or "")
    return Output(
        title=title,
        note=", ".join(part for part in (f"{row.width} by {row.height}", about) if part),
        alt=f"Painted: {prompt}" if painted and prompt else f"{title} {about}".strip(),
        url=None if row.removed_at else f"/dashboard/jobs/{job.id}/results/{row.n}",
        width=row.width,
        height=row.height,
    )


def inputs(job: Job) -> list[Input]:
    """The pictures that a job was given, in order."""
    return [
        Input(f"/dashboard/jobs/{job.id}/inputs/{n}", f"Input picture {n + 1}")
        for n in range(len(input_keys(job)))
    ]


def input_keys(job: Job) -> list[str]:
    """The store's keys of what a job was given."""
    return [key for value in job.input.values() for key in _keys(value, f"inputs/{job.tenant_id}/")]


def _keys(value: Any, prefix: str) -> list[str]:
    several = value if isinstance(value, list) else [value]
    return [each for each in several if isinstance(each, str) and each.startswith(prefix)]


@router.get("/jobs/{job_id}/results/{n}")
def get_result(
    job_id: ShortText, n: PictureNumber, services: ServicesDep, _visitor: VisitorDep
) -> Response:
    """One stored result."""
    with services.database.transaction(durable=False) as session:
        row = job_queries.artifact(session, job_id, n)
    if row is None:
        raise not_found("result")
    return _stored(services, row.key)


@router.get("/jobs/{job_id}/inputs/{n}")
def get_input(
    job_id: ShortText, n: PictureNumber, services: ServicesDep, _visitor: VisitorDep
) -> Response:
    """One picture that the job was given."""
    with services.database.transaction(durable=False) as session:
        job = job_queries.find(session, tenant_id=None, job_id=job_id)
    keys = input_keys(job) if job is not None else []
    if n >= len(keys):
        raise not_found("picture")
    return _stored(services, keys[n])


def _stored(services: Services, key: str) -> Response:
    try:
        found = services.store.get(key)
    except ObjectNotFoundError as error:
        raise not_found("picture") from error
    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(found.data, media_type=found.media_type, headers=headers)
