"""A job's pictures on a page: its inputs and its results."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Path
from fastapi.responses import Response

from api.core.errors import not_found
from api.services import Services
from db.storage.object_store import ObjectNotFoundError, StoreError
from db.tables import Artifact, Job
from db.values import pictures
from db.values.artifact_kinds import ArtifactKind

_NOT_SHOWN = ("image/heic",)
"""The accepted formats that most browsers do not show."""

_QUALITY = 90

PictureNumber = Annotated[int, Path(ge=0, le=9999)]


@dataclass(frozen=True)
class OutputPictureView:
    """A stored result picture; `url` is None after its removal."""

    title: str
    note: str
    alt: str
    url: str | None
    width: int
    height: int


@dataclass(frozen=True)
class InputPictureView:
    """An input picture of a job; `url` is None after its removal."""

    url: str | None
    alt: str


def output_pictures(job: Job, rows: Sequence[Artifact], base: str) -> list[OutputPictureView]:
    """Every stored result picture of a job; `base` is the URL path below which they are served."""
    return [_output(job, row, base) for row in rows if row.media_type.startswith("image/")]


def _output(job: Job, row: Artifact, base: str) -> OutputPictureView:
    painted = row.kind == ArtifactKind.IMAGE
    title = f"Picture {row.n + 1}" if painted else str(row.kind).capitalize()
    about = f"seed {row.seed}" if painted else str(row.about.get("task", ""))
    prompt = str(job.input.get("prompt") or "")
    return OutputPictureView(
        title=title,
        note=", ".join(part for part in (f"{row.width} by {row.height}", about) if part),
        alt=f"Painted: {prompt}" if painted and prompt else f"{title} {about}".strip(),
        url=None if row.removed_at else f"{base}/results/{row.n}",
        width=row.width,
        height=row.height,
    )


def input_pictures(job: Job, base: str) -> list[InputPictureView]:
    """A job's input pictures, in order."""
    count = len(input_keys(job))
    return [InputPictureView(f"{base}/inputs/{n}", f"Input picture {n + 1}") for n in range(count)]


def without_removed(
    services: Services, job: Job, pictures: Sequence[InputPictureView]
) -> list[InputPictureView]:
    """The same input pictures, without the URLs of those that the store no longer has."""
    with_keys = zip(pictures, input_keys(job), strict=True)
    return [
        each if is_stored(services, key) else replace(each, url=None) for each, key in with_keys
    ]


def is_stored(services: Services, key: str) -> bool:
    """True unless a picture was removed from the store."""
    try:
        services.store.head(key)
    except ObjectNotFoundError:
        return False
    except StoreError:
        return True  # unreachable, which is not removed
    return True


def input_keys(job: Job) -> list[str]:
    """The store's keys of a job's input pictures."""
    return [key for value in job.input.values() for key in _keys(value, f"inputs/{job.tenant_id}/")]


def _keys(value: Any, prefix: str) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, str) and each.startswith(prefix)]


def picture_response(services: Services, key: str) -> Response:
    """A picture from the store, as browsers show it; only they may cache it, for an hour.

    Raises:
        db.values.decode_budget.DecodingBusyError: too many pictures are being decoded.
        api.core.errors.ProblemError: 404, the picture was removed.
    """
    try:
        stored = services.store.get(key)
    except ObjectNotFoundError as error:
        raise not_found("picture") from error
    headers = {"Cache-Control": "private, max-age=3600"}
    if stored.media_type not in _NOT_SHOWN:
        return Response(stored.data, media_type=stored.media_type, headers=headers)
    return Response(_as_jpeg(services, key, stored.data), media_type="image/jpeg", headers=headers)


def _as_jpeg(services: Services, key: str, data: bytes) -> bytes:
    _inputs, tenant_id, *_ = key.split("/")
    buffer = io.BytesIO()
    reserve = services.decode_budget.of(tenant_id)
    pictures.decode(data, reserve=reserve).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
