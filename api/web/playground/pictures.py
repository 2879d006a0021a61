"""A tenant's pictures: uploads, and the inputs and results of their jobs."""

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
from api.web.shared.job_pictures import PictureNumber, input_keys, picture_response
from db.artifacts import uploads as files
from db.jobs.queries import find_artifact, find_job
from db.storage.object_store import ObjectNotFoundError
from db.tables import File as FileRow
from db.tables import Job
from db.values import artifact_kinds

router = APIRouter()


@dataclass(frozen=True)
class Thumb:
    """A picture in a field of the form; sizes in pixels."""

    value: str
    source: str
    width: int
    height: int


def thumbs(services: Services, tenant: CurrentTenant, file_ids: Sequence[str]) -> list[Thumb]:
    """The tenant's uploaded pictures; ids that are not theirs are skipped."""
    with services.database.transaction(durable=False) as session:
        rows = [files.find(session, tenant_id=tenant.id, file_id=file_id) for file_id in file_ids]
    return [_thumb(row) for row in rows if row is not None]


def _thumb(row: FileRow) -> Thumb:
    return Thumb(row.id, f"/playground/files/{row.id}", row.width, row.height)


def upload_again(services: Services, tenant: CurrentTenant, key: str) -> str | None:
    """The file id of a stored picture, for another job; None when the picture was removed."""
    try:
        data = services.store.get(key).data
    except ObjectNotFoundError:
        return None
    stored = store_picture(services, tenant.id, data)
    with services.database.transaction() as session:
        return files.add(session, tenant.id, stored).id


@router.post("/files", status_code=201)
def upload(
    file: Annotated[UploadFile, File()], services: ServicesDep, tenant: WriterDep
) -> FileView:
    """Store a picture as `POST /v1/files` does."""
    data = file.file.read(services.settings.max_picture_bytes + 1)
    stored = store_picture(services, tenant.id, data)
    with services.database.transaction() as session:
        row = files.add(session, tenant.id, stored)
    return FileView(
        id=row.id,
        media_type=row.media_type,
        width=row.width,
        height=row.height,
        bytes=row.bytes,
        sha256=row.sha256,
    )


@router.get("/files/{file_id}")
def get_file(file_id: ShortText, services: ServicesDep, tenant: CurrentTenantDep) -> Response:
    """An uploaded picture."""
    with services.database.transaction(durable=False) as session:
        row = files.find(session, tenant_id=tenant.id, file_id=file_id)
    if row is None:
        raise not_found("file")
    return picture_response(services, row.key)


@router.get("/jobs/{job_id}/results/{n}")
def get_result(
    job_id: ShortText,
    n: PictureNumber,
    services: ServicesDep,
    tenant: CurrentTenantDep,
    download: Annotated[bool, Query()] = False,  # noqa: FBT002 - a query's flag
) -> Response:
    """One stored result, to show or to download."""
    with services.database.transaction(durable=False) as session:
        job = find_job(session, tenant_id=tenant.id, job_id=job_id)
        row = find_artifact(session, job_id, n)
    if job is None or row is None:
        raise not_found("result")
    response = picture_response(services, row.key)
    if download:
        name = f"{job.id}-{n}.{artifact_kinds.SUFFIXES[row.media_type]}"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@router.get("/jobs/{job_id}/inputs/{n}")
def get_input(
    job_id: ShortText, n: PictureNumber, services: ServicesDep, tenant: CurrentTenantDep
) -> Response:
    """One input picture of a job."""
    keys = input_keys(own_job(services, tenant, job_id))
    if n >= len(keys):
        raise not_found("picture")
    return picture_response(services, keys[n])


def own_job(services: Services, tenant: CurrentTenant, job_id: str) -> Job:
    """The tenant's job of an id.

    Raises:
        api.core.errors.ProblemError: 404, the tenant has no such job.
    """
    with services.database.transaction(durable=False) as session:
        job = find_job(session, tenant_id=tenant.id, job_id=job_id)
    if job is None:
        raise not_found("job")
    return job
