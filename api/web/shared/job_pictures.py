"""A job's pictures as pages show them: what it was given, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Path
from fastapi.responses import Response

from api.core.errors import not_found
from api.services import Services
from db.storage.object_store import ObjectNotFoundError, StoreError
from db.tables import Artifact, Job
from db.values.artifact_kinds import ArtifactKind

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
    """A picture that the job was given; `url` is None once it has been removed."""

    url: str | None
    alt: str


def outputs(job: Job, rows: Sequence[Artifact], base: str) -> list[Output]:
    """Every stored picture of a job; `base` is where its pictures are given out."""
    return [_output(job, row, base) for row in rows if row.media_type.startswith("image/")]


def _output(job: Job, row: Artifact, base: str) -> Output:
    painted = row.kind == ArtifactKind.IMAGE
    title = f"Picture {row.n + 1}" if painted else str(row.kind).capitalize()
    about = f"seed {row.seed}" if painted else str(row.about.get("task", ""))
    prompt = str(job.input.get("prompt") or "")
    return Output(
        title=title,
        note=", ".join(part for part in (f"{row.width} by {row.height}", about) if part),
        alt=f"Painted: {prompt}" if painted and prompt else f"{title} {about}".strip(),
        url=None if row.removed_at else f"{base}/results/{row.n}",
        width=row.width,
        height=row.height,
    )


def inputs(job: Job, base: str) -> list[Input]:
    """The pictures that a job was given, in order."""
    return [
        Input(f"{base}/inputs/{n}", f"Input picture {n + 1}") for n in range(len(input_keys(job)))
    ]


def without_removed(services: Services, job: Job, given: Sequence[Input]) -> list[Input]:
    """The same, without the addresses of those that the store no longer has."""
    found = zip(given, input_keys(job), strict=True)
    return [each if _is_kept(services, key) else replace(each, url=None) for each, key in found]


def _is_kept(services: Services, key: str) -> bool:
    try:
        services.store.head(key)
    except ObjectNotFoundError:
        return False
    except StoreError:
        return True  # away, which is not gone
    return True


def input_keys(job: Job) -> list[str]:
    """The store's keys of what a job was given."""
    return [key for value in job.input.values() for key in _keys(value, f"inputs/{job.tenant_id}/")]


def _keys(value: Any, prefix: str) -> list[str]:
    several = value if isinstance(value, list) else [value]
    return [each for each in several if isinstance(each, str) and each.startswith(prefix)]


def stored_picture(services: Services, key: str) -> Response:
    """A picture from the store, which its browser alone may keep for an hour.

    Raises:
        api.core.errors.ProblemError: it has been removed.
    """
    try:
        found = services.store.get(key)
    except ObjectNotFoundError as error:
        raise not_found("picture") from error
    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(found.data, media_type=found.media_type, headers=headers)
