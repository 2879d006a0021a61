"""Pictures in and out: uploads, what a job was given and what came of it, for its tenant alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, File, Query, UploadFile
from fastapi.responses import Response

from api.core.errors import not_found
from api.jobs.input_pictures import store_picture
from api.schemas.jobs import FileView, ShortText
from api.services import Services, ServicesDep
from api.web.playground.session import CurrentTenant, CurrentTenantDep, WriterDep
from api.web.shared.job_pictures import PictureNumber, input_keys, stored_picture
from db.artifacts import uploads as files
from db.jobs.queries import find_artifact, find_job
from db.storage.object_store import ObjectNotFoundError
from db.tables import File as FileRow
from db.tables import Job
from db.values import artifact_kinds

router = APIRouter()


@dataclass(frozen=True)
class Thumb:
    """A picture that a field of the form holds; sizes in pixels."""

    value: str
    source: str
    width: int
    height: int


def thumbs(services: Services, current: CurrentTenant, file_ids: Sequence[str]) -> list[Thumb]:
    """Uploaded pictures of the tenant's; what is none of theirs is left out."""
    with services.database.transaction(durable=False) as session:
        rows = [
            files.find(session, tenant_id=current.tenant_id, file_id=file_id)
            for file_id in file_ids
        ]
    return [_thumb(row) for row in rows if row is not None]


def _thumb(row: FileRow) -> Thumb:
    return Thumb(row.id, f"/playground/files/{row.id}", row.width, row.height)


def named_again(services: Services, current: CurrentTenant, key: str) -> str | None:
    """The id by which a stored picture is given to another job; None once it has been removed."""
    try:
        data = services.store.get(key).data
    except ObjectNotFoundError:
        return None
    stored = store_picture(services, current.tenant_id, data)
    with services.database.transaction() as session:
        return files.add(session, current.tenant_id, stored).id


@router.post("/files", status_code=201)
def upload(
    file: Annotated[UploadFile, File()], services: ServicesDep, current: WriterDep
) -> FileView:
    """Take a picture as `POST /v1/files` does."""
    data = file.file.read(services.settings.max_picture_bytes + 1)
    stored = store_picture(services, current.tenant_id, data)
    with services.database.transaction() as session:
        row = files.add(session, current.tenant_id, stored)
    return FileView(
        id=row.id,
        media_type=row.media_type,
        width=row.width,
        height=row.height,
        bytes=row.bytes,
        sha256=row.sha256,
    )


@router.get("/files/{file_id}")
def get_file(file_id: ShortText, services: ServicesDep, current: CurrentTenantDep) -> Response:
    """An uploaded picture."""
    with services.database.transaction(durable=False) as session:
        row = files.find(session, tenant_id=current.tenant_id, file_id=file_id)
    if row is None:
        raise not_found("file")
    return stored_picture(services, row.key)


@router.get("/jobs/{job_id}/results/{n}")
def get_result(
    job_id: ShortText,
    n: PictureNumber,
    services: ServicesDep,
    current: CurrentTenantDep,
    download: Annotated[bool, Query()] = False,  # noqa: FBT002 - a query's flag
) -> Response:
    """One stored result, to be shown or to be kept as a file."""
    with services.database.transaction(durable=False) as session:
        job = find_job(session, tenant_id=current.tenant_id, job_id=job_id)
        row = find_artifact(session, job_id, n)
    if job is None or row is None:
        raise not_found("result")
    answer = stored_picture(services, row.key)
    if download:
        name = f"{job.id}-{n}.{artifact_kinds.SUFFIXES[row.media_type]}"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@router.get("/jobs/{job_id}/inputs/{n}")
def get_input(
    job_id: ShortText, n: PictureNumber, services: ServicesDep, current: CurrentTenantDep
) -> Response:
    """One picture that a job was given."""
    keys = input_keys(own_job(services, current, job_id))
    if n >= len(keys):
        raise not_found("picture")
    return stored_picture(services, keys[n])


def own_job(services: Services, current: CurrentTenant, job_id: str) -> Job:
    """A job of the tenant's.

    Raises:
        api.core.errors.ProblemError: it is not theirs.
    """
    with services.database.transaction(durable=False) as session:
        job = find_job(session, tenant_id=current.tenant_id, job_id=job_id)
    if job is None:
        raise not_found("job")
    return job
