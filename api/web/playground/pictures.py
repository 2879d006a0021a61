"""A tenant's pictures: uploads, and the inputs and results of their jobs."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, File, Query, UploadFile
from fastapi.responses import Response
from sqlalchemy.orm import Session

from api.core.errors import not_found
from api.jobs.input_pictures import find_own_artifact, is_artifact_url, store_picture
from api.schemas.jobs import FileView, ShortText
from api.services import Services, ServicesDep
from api.web.playground.session import CurrentTenant, CurrentTenantDep, WriterDep
from api.web.shared.job_pictures import PictureNumber, input_keys, is_stored, picture_response
from db.artifacts import uploads as files
from db.jobs.queries import find_artifact, find_job
from db.tables import Job
from db.values import artifact_kinds
from db.values.pictures import PictureError

router = APIRouter()


@dataclass(frozen=True)
class Thumb:
    """A picture in a field of the form; sizes in pixels."""

    value: str
    source: str
    width: int
    height: int


def thumbs(services: Services, tenant: CurrentTenant, names: Sequence[str]) -> list[Thumb]:
    """The tenant's pictures, by file ids and URLs of artifacts; others are left out."""
    with services.database.transaction(durable=False) as session:
        found = [_find_thumb(services, session, tenant, name) for name in names]
    return [thumb for thumb in found if thumb is not None]


def _find_thumb(
    services: Services, session: Session, tenant: CurrentTenant, name: str
) -> Thumb | None:
    if is_artifact_url(name):
        with suppress(PictureError):
            row = find_own_artifact(services, session, tenant.id, name)
            source = f"/playground/jobs/{row.job_id}/results/{row.n}"
            return Thumb(name, source, row.width, row.height)
        return None
    file = files.find(session, tenant_id=tenant.id, file_id=name)
    if file is None:
        return None
    return Thumb(file.id, f"/playground/files/{file.id}", file.width, file.height)


def stored_file_ids(
    services: Services, tenant: CurrentTenant, keys: Collection[str]
) -> Mapping[str, str]:
    """The file ids of stored pictures, for another job; removed ones are left out.

    Nothing is fetched or decoded: the size of each is on its row since it was sent.
    """
    with services.database.transaction(durable=False) as session:
        rows = files.find_by_keys(session, tenant.id, keys)
    return {key: row.id for key, row in rows.items() if is_stored(services, key)}


@router.post("/files", status_code=201)
def upload(
    file: Annotated[UploadFile, File()], services: ServicesDep, tenant: WriterDep
) -> FileView:
    """Store a picture as `POST /v1/files` does."""
    data = file.file.read(services.settings.max_picture_bytes + 1)
    row = store_picture(services, tenant.id, data)
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
